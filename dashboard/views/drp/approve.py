"""A step asks for a yes: what happens, to what, what is lost; read on a phone, answered by passkey.

Invariant: an answer is about exactly what its page showed; where anything of it changed meanwhile,
nothing is said and the page shows what.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from fido2.utils import websafe_encode

from dashboard.acts import passkeys, runs
from dashboard.people import actor_of, for_people
from dashboard.permissions import May, Role, may
from dashboard.pulse import unwatched
from dashboard.screen import Screen
from dashboard.views.drp.forms import Glass, No, Yes
from dashboard.views.drp.unreadable import or_unreadable
from dashboard.views.page import show
from dashboard.views.refusals import code_of
from recovery.backups.exported import ExportView, there_of
from recovery.brief.canon import changes
from recovery.core import clock
from recovery.core.consent import Assertion
from recovery.core.errors import Conflict, Refused, TocsinError
from recovery.drp.actions.answers import check_seen
from recovery.drp.approvals.facts import Rule, spoken_rules
from recovery.drp.approvals.proofs import party
from recovery.drp.facts import Kind
from recovery.drp.views.asks import AskPage, breakable, view_ask
from recovery.drp.views.lent import lent_to

Forms = Yes | No | Glass


class ToSign(Exception):
    """What was written is whole; now it is signed."""

    def __init__(self, challenge: bytes) -> None:
        super().__init__("to be signed")
        self.challenge = challenge


@dataclass(slots=True)
class Answered:
    """What is shown again: the form that was sent, why it did nothing, what changed."""

    form: Forms | None = None
    changed: tuple[str, ...] = ()
    status: int = 200
    context: dict[str, object] = field(default_factory=dict)


@require_GET
@for_people(May.VIEW)
def asked(request: HttpRequest, role: Role) -> HttpResponse:
    """Everything that waits for somebody's yes."""
    return show(
        request,
        role,
        "approvals",
        area="recovery",
        topics=("asked",),
        heading="What waits for a yes",
        person=request.user.get_username(),
        lent=lent_to(request.user.get_username()),
    )


@require_http_methods(["GET", "POST"])
@for_people(May.VIEW)
@or_unreadable
def approve(request: HttpRequest, role: Role, pk: UUID) -> HttpResponse:
    page = _find(pk, request)
    if request.method != "POST":
        return _show(request, role, page, Answered())
    if not may(role, May.ANSWER):
        return _show(request, role, page, Answered(status=403))

    def do(form: Forms) -> str:
        check_seen(page.plan, unwatched())  # before a code is used up
        proof = _proof(request.user, page, form.cleaned_data)
        return runs.approve(page, assertion=proof, actor=actor_of(request))

    return _answer(request, role, page, Yes(request.POST), do)


@require_POST
@for_people(May.ANSWER)
@or_unreadable
def deny(request: HttpRequest, role: Role, pk: UUID) -> HttpResponse:
    page = _find(pk, request)

    def do(form: Forms) -> str:
        return runs.deny(page, actor=actor_of(request), reason=form.cleaned_data["reason"])

    return _answer(request, role, page, No(request.POST), do)


@require_POST
@for_people(May.BREAK_GLASS)
@or_unreadable
def break_glass(request: HttpRequest, role: Role, pk: UUID) -> HttpResponse:
    """Named rules and a reason, then a signature over just these; everybody is told. Afterwards the
    page is shown again, to be answered."""
    page, actor = _find(pk, request), actor_of(request)
    form = Glass(breakable(page, actor.id), request.POST)

    def do(form: Forms) -> str:
        told = form.cleaned_data
        rules, reason = [Rule(rule) for rule in told["rules"]], told["reason"]
        if not told["answer"]:
            signed = runs.glass_challenge(page, rules=rules, actor=actor, reason=reason)
            raise ToSign(signed)
        proof = passkeys.read_assertion(told["answer"])
        return runs.break_glass(page, rules=rules, assertion=proof, actor=actor, reason=reason)

    try:
        return _answer(request, role, page, form, do)
    except ToSign as asked:
        options = _options(page, asked.challenge)
        return _show(request, role, page, Answered(form, context={"to_sign": options}))


def _find(pk: UUID, request: HttpRequest) -> AskPage:
    found = view_ask(pk, request.user.get_username(), unwatched())
    if found is None:
        raise Http404("There is no such question.")
    return found


def _proof(user: object, page: AskPage, told: dict[str, str]) -> Assertion | None:
    """A signature, or None where a code was looked at and is right. A code is not even looked at
    where it would not do."""
    if told["answer"]:
        return passkeys.read_assertion(told["answer"])
    if page.question.by_passkey or not told["code"]:
        raise Refused(
            "No signature came with it: use your passkey on this device.",
            kept="Nothing was said.",
        )
    assert isinstance(user, User), "who is signed in is a person"
    passkeys.check_code(user, told["code"])
    return None


def _answer(
    request: HttpRequest, role: Role, page: AskPage, form: Forms, do: Callable[[Forms], str]
) -> HttpResponse:
    if not form.is_valid():
        return _show(request, role, page, Answered(form, status=422))
    try:
        if (seen := form.cleaned_data["seen"]) != page.seen:
            raise runs.Changed(_differences(seen, page))
        said = do(form)
    except runs.Changed as error:
        return _show(request, role, page, Answered(form, error.differences, 409))
    except TocsinError as error:
        form.add_error(None, str(error))
        status = code_of(error)
        now = _find(page.row.pk, request) if isinstance(error, Conflict) else page
        return _show(request, role, now, Answered(form, status=status))
    messages.success(request, said)
    if isinstance(form, Glass):
        return HttpResponseRedirect(f"/recovery/approve/{page.row.pk}/")
    return HttpResponseRedirect(f"/recovery/runs/{page.run.number}/")


def _differences(seen: str, page: AskPage) -> tuple[str, ...]:
    """What is new since their page was drawn."""
    if page.over:
        return (page.over,)
    if told := page.drift or _of_another(_sent(seen), page) or _of_better(_sent(seen), page):
        return told
    return changes(seen, page.seen) or ("It is another question by now.",)


def _sent(seen: str) -> dict[str, object] | None:
    """What their page said that it was bound to; None where it is nothing of ours."""
    try:
        sent = json.loads(seen)
    except (ValueError, RecursionError):
        return None
    return sent if isinstance(sent, dict) else None


def _of_another(sent: dict[str, object] | None, page: AskPage) -> tuple[str, ...]:
    """An answer to another question, or over another plan, is said to be that: ids and digests
    tell nobody anything."""
    if sent is None:
        return ()
    now, title = json.loads(page.seen), page.planned.title
    if sent.get("ask") != now["ask"]:
        return (f"What you sent answers another question. This one is “{title}” of {page.run}.",)
    same = sent.get("plan") == now["plan"]
    return () if same else (f"What you sent answers another plan than that of {page.run} now.",)


def _of_better(sent: dict[str, object] | None, page: AskPage) -> tuple[str, ...]:
    """A copy came back, or went again: whoever says yes knows of it."""
    known = sent.get("better") if sent else None
    if not isinstance(known, list):
        return ()
    new = tuple(one.said for one in page.better if one.copy not in known)
    is_less = len(known) > len(page.better) - len(new)
    return (*new, "A better copy that was there is gone again.") if is_less else new


def _situation(role: Role, page: AskPage) -> str:
    """How both datacenters are as this page is drawn; a drill is about neither."""
    if page.over or page.is_drill:
        return ""
    screen = Screen(role)
    sites = (page.plan.lost.name, page.plan.into.name)
    return " ".join(screen.brief(one).sentence for one in sites if one in screen.recovery.sites)


def _show(request: HttpRequest, role: Role, page: AskPage, answered: Answered) -> HttpResponse:
    person = request.user.get_username()
    rules = breakable(page, person) if may(role, May.BREAK_GLASS) and not page.broken else ()
    seen = {"seen": page.seen}
    forms: dict[type[object], Forms] = {Yes: Yes(initial=seen), No: No(initial=seen)}
    if rules:
        forms[Glass] = Glass(rules, initial=seen)
    if answered.form is not None:
        answered.form.data = {**answered.form.data.dict(), **seen}  # type: ignore[attr-defined]
        forms[type(answered.form)] = answered.form
    exports = there_of([UUID(one.target.id) for one in page.returned])
    return show(
        request,
        role,
        "approve",
        area="recovery",
        topics=(f"ask-state:{page.row.pk}/{person}",),
        heading=f"{page.run}: approve “{page.planned.title}”?",
        status=answered.status,
        ask=page,
        situation=_situation(role, page),
        exports=exports,
        unexported=_unexported(page, exports),
        overridden=spoken_rules(page.broken.rules) if page.broken else "",
        changed=answered.changed,
        person=person,
        is_mine=may(role, May.ANSWER) and not page.refusal,
        yes=forms[Yes],
        no=forms[No],
        glass=forms.get(Glass),
        options=_options(page, page.challenge(person)),
        has_code=not page.question.by_passkey and passkeys.has_code(request.user),  # type: ignore[arg-type]
        at=clock.system.now(),
        **answered.context,
    )


def _unexported(page: AskPage, exports: tuple[ExportView, ...]) -> frozenset[str]:
    """Databases of which whoever lets their copies go is told so."""
    if page.planned.kind is not Kind.DISCARD_COPIES:
        return frozenset()
    return frozenset(one.target.name for one in page.returned) - {one.database for one in exports}


def _options(page: AskPage, challenge: bytes) -> str:
    """For navigator.credentials.get."""
    return json.dumps(
        {
            "challenge": websafe_encode(challenge),
            "rpId": party().name,
            "userVerification": "required",
            "allowCredentials": [{"type": "public-key", "id": one} for one in page.credentials],
        }
    )
