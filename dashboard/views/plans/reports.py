"""The report of a run: as a page, as files, and the to-dos that follow from it."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from dashboard.acts import plans as acts
from dashboard.forms import Reason
from dashboard.people import actor_of, for_people
from dashboard.permissions import May, Role, may
from dashboard.views.page import show
from dashboard.views.plans.forms import Closing, Finding
from dashboard.views.refusals import attempt
from recovery.core import clock
from recovery.drp.models import Run
from recovery.drp.queries.people import people_of
from recovery.drp.queries.reports import find_run
from recovery.drp.reports.awaiting import awaited
from recovery.drp.reports.compose import refuse_report
from recovery.drp.reports.document import digest_of, read_report
from recovery.drp.reports.evidence import evidence, paper
from recovery.drp.reports.late import late_of
from recovery.drp.reports.models import Report
from recovery.drp.reports.shown import sections


def _find(number: int) -> Run:
    run = find_run(number)
    if run is None:
        raise Http404(f"There is no DRP-{number:04d}.")
    return run


@for_people(May.VIEW)
def report(request: HttpRequest, role: Role, number: int) -> HttpResponse:
    """`?version=`: an earlier one. Before the first one is signed it says what it waits for."""
    run = _find(number)
    versions = acts.versions(run)
    wanted = request.GET.get("version", "")
    row = next((one for one in versions if str(one.number) == wanted), None)
    row = row or next(iter(versions), None)
    if row is None:
        return _not_yet(request, role, run)
    return _show(request, role, row, versions)


def _not_yet(request: HttpRequest, role: Role, run: Run, status: int = 200) -> HttpResponse:
    why = refuse_report(run.state)
    return show(
        request,
        role,
        "report-missing",
        area="recovery",
        heading=f"{run} has no report yet",
        run=run,
        why=why,
        awaited=None if why else awaited(late_of(run, clock.system.now())),
        status=409 if why else status,
    )


def _show(
    request: HttpRequest,
    role: Role,
    row: Report,
    versions: list[Report],
    *,
    finding: Finding | None = None,
    again: Reason | None = None,
    closing: tuple[int, Closing] | None = None,
    status: int = 200,
) -> HttpResponse:
    shown = read_report(row.raw.encode())
    return show(
        request,
        role,
        "report",
        area="recovery",
        heading=f"{row.run}: report {row.number}",
        row=row,
        report=shown,
        sections=sections(shown),
        versions=versions,
        is_whole=digest_of(row.raw.encode()) == row.digest,
        findings=row.run.findings.all(),
        today=clock.system.now().date(),
        can_write=may(role, May.NOTE),
        finding=finding or Finding(_people()),
        closing=closing,
        again=again or Reason(),
        status=status,
    )


def _people() -> list[str]:
    return sorted(name for name, roles in people_of().roles.items() if roles)


KINDS: dict[str, tuple[str, Callable[[Report], bytes]]] = {
    "json": ("application/json", lambda row: row.raw.encode()),
    "sig": ("text/plain; charset=utf-8", lambda row: row.signature.encode()),
    "pdf": ("application/pdf", paper),
    "zip": ("application/zip", evidence),
}


@for_people(May.VIEW)
def file(request: HttpRequest, role: Role, number: int, version: int, kind: str) -> HttpResponse:
    """The very bytes that were signed, or what is drawn from them."""
    row = Report.objects.select_related("run").filter(run=_find(number), number=version).first()
    if row is None or kind not in KINDS:
        raise Http404(f"There is no {kind} of report {version} of DRP-{number:04d}.")
    content_type, make = KINDS[kind]
    response = HttpResponse(make(row), content_type=content_type)
    name = f"{row.run}-report-{version}.{kind}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_POST
@for_people(May.NOTE)
def sign_anew(request: HttpRequest, role: Role, number: int) -> HttpResponse:
    """What is known by now, as another version."""
    run, form = _find(number), Reason(request.POST)

    def do() -> str:
        return acts.sign_anew(run, actor_of(request), form.cleaned_data["reason"])

    done = _done(request, run, form, do)
    if isinstance(done, HttpResponse):
        return done
    return _again(request, role, run, done, again=form)


@require_POST
@for_people(May.NOTE)
def add_finding(request: HttpRequest, role: Role, number: int) -> HttpResponse:
    """What was typed is shown again where it is not taken."""
    run, form = _find(number), Finding(_people(), request.POST)

    def do() -> str:
        told = form.cleaned_data
        return acts.add_finding(run, told["said"], told["owner"], told["due"], actor_of(request))

    done = _done(request, run, form, do)
    if isinstance(done, HttpResponse):
        return done
    return _again(request, role, run, done, finding=form)


@require_POST
@for_people(May.NOTE)
def close_finding(request: HttpRequest, role: Role, number: int, finding: int) -> HttpResponse:
    run, form = _find(number), Closing(request.POST)

    def do() -> str:
        return acts.close_finding(run, finding, form.cleaned_data["proof"], actor_of(request))

    done = _done(request, run, form, do)
    if isinstance(done, HttpResponse):
        return done
    return _again(request, role, run, done, closing=(finding, form))


def _done(request: HttpRequest, run: Run, form: Form, do: Callable[[], str]) -> HttpResponse | int:
    """Where it goes on, or with which code it is shown again."""
    if not form.is_valid():
        return 422
    done = attempt(request, form, do, back=f"/recovery/runs/{run.number}/report/")
    for said in () if isinstance(done, HttpResponse) else form.non_field_errors():
        messages.error(request, str(said))  # what it was about may be closed, and its form gone
    return done


def _again(
    request: HttpRequest,
    role: Role,
    run: Run,
    status: int,
    *,
    finding: Finding | None = None,
    again: Reason | None = None,
    closing: tuple[int, Closing] | None = None,
) -> HttpResponse:
    """The newest report with what was typed; a run that has none yet says why."""
    versions = acts.versions(run)
    if not versions:
        return _not_yet(request, role, run, status)
    return _show(
        request,
        role,
        versions[0],
        versions,
        finding=finding,
        again=again,
        closing=closing,
        status=status,
    )
