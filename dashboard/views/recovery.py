"""A lost datacenter: the live page, and the decision that freezes exactly what was shown."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.acts import recovery as acts
from dashboard.forms import Activate, Said, WaitUntil
from dashboard.panels import draw
from dashboard.people import actor_of, for_people
from dashboard.permissions import May, Role, may
from dashboard.screen import Screen
from dashboard.views.page import show
from dashboard.views.refusals import answer, code_of
from recovery.brief import screens
from recovery.brief.actions import Changed
from recovery.brief.canon import canonical, changes, digest, document, glance
from recovery.brief.facts import Cause, Choice
from recovery.core import clock
from recovery.core.errors import Refused, TocsinError
from recovery.drp.queries.shipped import missing_book

PARTS = ("weigh", "evidence", "loss", "fit", "waves", "promises")


@for_people(May.VIEW)
def overview(request: HttpRequest, role: Role) -> HttpResponse:
    """Before anything happens: what the loss of each datacenter would mean."""
    topics = ("recovery", "asked", "runs")
    return show(request, role, "list", area="recovery", topics=topics, heading="Recovery")


@for_people(May.VIEW)
def datacenter(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    _find(name)
    topics = [f"recovery-{part}:{name}" for part in ("voice", "next", *PARTS, "told")]
    topics.append(f"runs:{name}")
    screen = Screen(role)
    return show(
        request,
        role,
        "recovery",
        area="recovery",
        topics=topics,
        heading=screen.brief(name).sentence,
        site=name,
        is_lost=screen.brief(name).is_lost,
        can_note=may(role, May.NOTE),
        form=Said(),
    )


def _find(name: str) -> None:
    if name not in screens.site_names():
        raise Http404(f"There is no datacenter {name}.")


@require_http_methods(["GET", "POST"])
@for_people(May.DECIDE)
def activate(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    """A grave one: the name is typed by hand."""
    _find(name)
    return _decide(request, role, name, Choice.ACTIVATE, Activate(name, request.POST or None))


@require_http_methods(["GET", "POST"])
@for_people(May.DECIDE)
def wait(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    _find(name)
    soon = clock.system.now() + timedelta(minutes=45)
    soon = soon.replace(minute=30 * (soon.minute // 30), second=0, microsecond=0)
    form = WaitUntil(request.POST or None, initial={"until": f"{soon:%Y-%m-%dT%H:%M}"})
    return _decide(request, role, name, Choice.WAIT, form)


def _decide(
    request: HttpRequest, role: Role, name: str, choice: Choice, form: Activate | WaitUntil
) -> HttpResponse:
    """What changed between reading and pressing is shown beside what is true now."""
    changed: tuple[str, ...] = ()
    status = 422 if form.is_bound else 200
    if form.is_valid():
        told = form.cleaned_data
        try:
            made = acts.decide(
                name,
                choice,
                seen=told["seen"],
                until=told.get("until"),
                actor=actor_of(request),
                reason=told["reason"],
            )
        except Changed as error:
            changed, status = error.differences, 409
        except TocsinError as error:
            form.add_error(None, str(error))
            status = code_of(error)
        else:
            messages.success(request, acts.said_of(made))
            return HttpResponseRedirect(f"/recovery/{name}/")
    return _ask(request, role, name, choice, form, changed=changed, status=status)


def _ask(
    request: HttpRequest,
    role: Role,
    name: str,
    choice: Choice,
    form: Activate | WaitUntil,
    *,
    changed: tuple[str, ...],
    status: int,
) -> HttpResponse:
    """The whole brief, standing still, with the form that is bound to it."""
    screen = Screen(role)
    text = canonical(document(screen.brief(name)))
    if form.is_bound and not changed:
        before, now = glance(str(form.data.get("seen", ""))), glance(text)
        changed = changes(canonical(before), canonical(now)) if before != now else ()
    form.bind_to(text)
    return show(
        request,
        role,
        "decide",
        area="recovery",
        heading=_heading(name, choice),
        site=name,
        choice=str(choice),
        form=form,
        changed=changed,
        brief=screen.brief(name),
        parts=_still(screen, name),
        digest=digest(text),
        no_book=missing_book(),
        at=clock.system.now(),
        status=status,
    )


def _heading(name: str, choice: Choice) -> str:
    return f"Recover {name} elsewhere?" if choice is Choice.ACTIVATE else f"Wait for {name}?"


def _still(screen: Screen, name: str) -> list[SafeString]:
    """Panels that no push replaces: they show what the form is bound to."""
    screen.still_at = clock.system.now()
    return [draw(f"recovery-{part}:{name}", screen) for part in ("voice", *PARTS)]


@require_POST
@for_people(May.NOTE)
def note_word(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    """What the provider said, with who and when."""
    _find(name)
    form = Said(request.POST)

    def do() -> str:
        if not form.is_valid():
            field, errors = next(iter(form.errors.items()))
            raise Refused(str(errors[0]), field=field)
        told = form.cleaned_data
        said_at: datetime = told["said_at"] or clock.system.now()
        return acts.note_word(
            name,
            said=told["said"],
            source=told["source"],
            said_at=said_at,
            until=told["until"],
            cause=Cause(told["cause"] or Cause.UNSAID),
            actor=actor_of(request),
        )

    return answer(request, do, back=f"/recovery/{name}/")


@for_people(May.VIEW)
def decision(request: HttpRequest, role: Role, number: int) -> HttpResponse:
    """What somebody decided, with the very bytes that they were shown."""
    found = screens.find_decision(number)
    if found is None:
        raise Http404(f"There is no DEC-{number:04d}.")
    heading = f"{found.name}: {found.datacenter}"
    return show(
        request,
        role,
        "decision",
        area="recovery",
        heading=heading,
        decision=found,
        is_whole=digest(found.shown) == found.digest,
    )
