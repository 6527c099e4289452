"""Runbooks: one as people read it, its source; edited in a form, reviewed by another."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.acts import plans as acts
from dashboard.people import actor_of, for_people
from dashboard.permissions import May, Role, may
from dashboard.views.page import show
from dashboard.views.plans.forms import Review, Text
from dashboard.views.refusals import answer, code_of
from recovery.audit.screens import entries
from recovery.core.errors import Forbidden, Refused, TocsinError
from recovery.drp.models import RunbookVersion
from recovery.drp.queries import books
from recovery.drp.runbooks.changes import changes, counted, numbered
from recovery.drp.runbooks.faults import BadRunbook, Fault
from recovery.drp.runbooks.reading import read_runbook
from recovery.drp.runbooks.shown import step_lines
from recovery.drp.runbooks.states import RunbookState

VERSION = re.compile(r"(?m)^version:.*$")


def _versions(name: str) -> list[RunbookVersion]:
    found = books.versions_of(name)
    if not found:
        raise Http404(f"There is no runbook {name}.")
    return found


def _chosen(request: HttpRequest, rows: list[RunbookVersion]) -> RunbookVersion:
    """`?version=`, else the one in force, else the newest."""
    wanted = request.GET.get("version", "")
    named = next((row for row in rows if str(row.number) == wanted), None)
    if wanted and named is None:
        raise Http404(f"{rows[0].name} has no version {wanted}.")
    return named or books.active_of(rows) or rows[0]


@for_people(May.VIEW)
def runbook(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    """As people read it: what it is for, its steps, what the lint says of it now."""
    rows = _versions(name)
    row = _chosen(request, rows)
    book, is_active = books.read(row), row.state == RunbookState.ACTIVE
    return show(
        request,
        role,
        "runbook",
        area="recovery",
        heading=book.title if book else f"{name} cannot be read",
        row=row,
        rows=rows,
        book=book,
        faults=_faults(row.raw),
        steps=step_lines(book) if book else (),
        findings=books.look_now(row) if is_active else None,
        is_active=is_active,
        runs=books.runs_of(name),
        can_write=may(role, May.WRITE_RUNBOOK),
    )


@for_people(May.VIEW)
def source(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    """Byte for byte, with the numbers that faults name."""
    rows = _versions(name)
    row = _chosen(request, rows)
    return show(
        request,
        role,
        "runbook-source",
        area="recovery",
        heading=f"{row}: its source",
        row=row,
        lines=_with_faults(row.raw, _faults(row.raw)),
    )


def _faults(text: str) -> tuple[Fault, ...]:
    try:
        read_runbook(text.encode(), "runbook")
    except BadRunbook as error:
        return error.faults
    return ()


def _with_faults(text: str, faults: tuple[Fault, ...]) -> list[tuple[int, str, list[Fault]]]:
    """Each line with what is wrong in it."""
    return [
        (number, line, [one for one in faults if one.place.line == number])
        for number, line in numbered(text)
    ]


# ------------------------------------------------------------------ edited


@dataclass(frozen=True, slots=True)
class Draft:
    """What is being written: from which version, against which it is shown."""

    name: str
    base: RunbookVersion | None
    versions: tuple[RunbookVersion, ...] = ()

    @property
    def number(self) -> int:
        """Of the newest version that there is."""
        return self.base.number if self.base else 0

    @property
    def before(self) -> str:
        return self.base.raw if self.base else ""

    @property
    def initial(self) -> str:
        return VERSION.sub(f"version: {self.number + 1}", self.before, count=1)


@require_http_methods(["GET", "POST"])
@for_people(May.WRITE_RUNBOOK)
def edit(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    """From the newest version, with the next number already in it."""
    rows = _versions(name)
    return _edit(request, role, Draft(name, rows[0], tuple(rows)))


@require_http_methods(["GET", "POST"])
@for_people(May.WRITE_RUNBOOK)
def write(request: HttpRequest, role: Role) -> HttpResponse:
    """One that nobody has written yet."""
    return _edit(request, role, Draft("", None))


def _edit(request: HttpRequest, role: Role, draft: Draft) -> HttpResponse:
    """Whatever is wrong with it, what was typed stands in the form again."""
    started = {"text": draft.initial, "base": draft.number}
    form = Text(request.POST or None, initial=started)
    status = 200
    if form.is_bound and not form.is_valid():
        status = 422
    elif form.is_bound:
        if _faults(form.cleaned_data["text"]):
            status = 422
        elif "propose" in request.POST:
            made = _propose(request, form, draft)
            if isinstance(made, RunbookVersion):
                messages.success(request, f"{made} is proposed. Somebody else makes it active.")
                return HttpResponseRedirect(f"/recovery/runbooks/{made.name}/{made.number}/review/")
            status = made
    return _show_edit(request, role, form, draft, status)


def _propose(request: HttpRequest, form: Text, draft: Draft) -> RunbookVersion | int:
    """With its code, where it is refused."""
    told = form.cleaned_data
    if not told["reason"]:
        form.add_error("reason", "Say what you change and why: who reviews it reads it first.")
        return 422
    try:
        return acts.propose(
            draft.name,
            told["text"],
            base=told["base"],
            actor=actor_of(request),
            reason=told["reason"],
        )
    except TocsinError as error:
        form.add_error(None, str(error))
        return code_of(error)


def _show_edit(
    request: HttpRequest, role: Role, form: Text, draft: Draft, status: int
) -> HttpResponse:
    text = str(form.data.get("text", "")) if form.is_bound else draft.initial
    text = text.replace("\r\n", "\n")
    faults = _faults(text) if form.is_bound else ()
    lines = _with_faults(text, faults)
    found = changes(draft.before, text) if form.is_bound else ()
    return show(
        request,
        role,
        "runbook-edit",
        area="recovery",
        heading=f"Edit {draft.name}" if draft.name else "Write a runbook",
        form=form,
        draft=draft,
        faults=faults,
        wrong=[one for one in lines if one[2]],
        lines=found,
        counts=counted(found),
        status=status,
    )


# ------------------------------------------------------------------ reviewed


@require_http_methods(["GET", "POST"])
@for_people(May.VIEW)
def review(request: HttpRequest, role: Role, name: str, number: int) -> HttpResponse:
    """The difference to what is in force now; the second person's word is bound to both."""
    rows = _versions(name)
    row = next((one for one in rows if one.number == number), None)
    if row is None:
        raise Http404(f"{name} has no version {number}.")
    active, form, status = books.active_of(rows), Review(request.POST or None), 200
    if form.is_bound:
        status = 422
        if form.is_valid():
            try:
                return _activate(request, role, row, form)
            except TocsinError as error:
                form.add_error(None, str(error))
                status = code_of(error)
    return _show_review(request, role, row, form, active=active, status=status)


def _activate(request: HttpRequest, role: Role, row: RunbookVersion, form: Review) -> HttpResponse:
    if not may(role, May.REVIEW_RUNBOOK):
        raise Forbidden(f"As {role} you may read it, not make it active.")
    told = form.cleaned_data
    said = acts.make_active(
        row, seen=told["seen"], over=told["over"], actor=actor_of(request), reason=told["reason"]
    )
    messages.success(request, said)
    return HttpResponseRedirect(f"/recovery/runbooks/{row.name}/")


def _show_review(
    request: HttpRequest,
    role: Role,
    row: RunbookVersion,
    form: Review,
    *,
    active: RunbookVersion | None,
    status: int,
) -> HttpResponse:
    found = changes(active.raw if active else "", row.raw)
    book = books.read(row)
    bound: dict[str, object] = {"seen": row.digest, "over": active.number if active else 0}
    form.initial = dict(bound)
    if form.is_bound:
        form.data = {name: form.data[name] for name in form.data} | bound
    return show(
        request,
        role,
        "runbook-review",
        area="recovery",
        heading=f"{row}, proposed" if row.state == RunbookState.DRAFT else f"{row}, {row.state}",
        row=row,
        active=active,
        book=book,
        form=form,
        lines=found,
        counts=counted(found),
        why=_why(row),
        why_not=acts.refuse_review(row, actor_of(request), may(role, May.REVIEW_RUNBOOK)),
        can_withdraw=may(role, May.WRITE_RUNBOOK) and row.state == RunbookState.DRAFT,
        status=status,
    )


def _why(row: RunbookVersion) -> str:
    """As whoever proposed it wrote it in the log."""
    made = entries(object_type=RunbookVersion.TYPE, object_id=str(row.pk), action="created")
    return made[-1].reason if made else ""


@require_POST
@for_people(May.WRITE_RUNBOOK)
def withdraw(request: HttpRequest, role: Role, name: str, number: int) -> HttpResponse:
    """A draft that nobody will make active."""
    row = next((one for one in _versions(name) if one.number == number), None)
    if row is None:
        raise Http404(f"{name} has no version {number}.")

    def do() -> str:
        reason = request.POST.get("reason", "").strip()
        if not reason:
            raise Refused("Say why: the log keeps it.", kept="It stays a draft.")
        return acts.withdraw(row, actor_of(request), reason[:300])

    return answer(request, do, back=f"/recovery/runbooks/{name}/")
