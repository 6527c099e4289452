"""Start a runbook: which, how, for what; what it would do now; then it is prepared."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods

from dashboard.acts import runs as acts
from dashboard.people import actor_of, for_people
from dashboard.permissions import May, Role, may
from dashboard.screen import Screen
from dashboard.views.drp.forms import Prepare, Which
from dashboard.views.page import show
from dashboard.views.refusals import code_of
from recovery.backups.exported import there_of
from recovery.brief.losses import say
from recovery.brief.parts import Brief
from recovery.core.errors import Conflict, TocsinError
from recovery.drp.facts import Mode
from recovery.drp.plan import Move
from recovery.drp.queries.failback import returnable_runs as offered
from recovery.drp.queries.shipped import missing_book, shipped
from recovery.drp.views.runs import RunLine, run_lines
from recovery.drp.views.starts import (
    Preview,
    books,
    decision_for,
    find_book,
    preview,
    refuse_undecided,
    returns,
)

CHOICES = (("keep", "keep"), ("export", "export first"), ("discard", "discard"))
MOST_RUNS = 50
"""That are offered to be taken back, the newest."""


@require_http_methods(["GET", "POST"])
@for_people(May.RUN)
def start(request: HttpRequest, role: Role) -> HttpResponse:
    """What is named stands in the address, so that a second person sees the same."""
    known = [(one.name.split(" ")[0], f"{one.name}: {one.title}") for one in books()]
    screen = Screen(role)
    sites = list(screen.recovery.sites)
    origins = [
        (run.number, f"what {run}, {run.lost} into {run.into}, moved")
        for run in offered()[:MOST_RUNS]
    ]
    which = Which(known, sites, origins, request.GET if request.GET else None)
    if not which.is_bound or not which.is_valid():
        status = 422 if request.method == "POST" else 200
        if _is_new(which):
            which = Which(known, sites, origins, initial=_first(known, screen, request))
        return _ask(request, role, which, has_books=bool(known), status=status)
    told = which.cleaned_data
    brief = screen.brief(told["lost"])
    wish = acts.Start(
        told["runbook"],
        Mode(told["mode"]),
        told["lost"],
        told["into"],
        brief.sentence,
        int(told["origin"] or 0),
        _chosen(request, "keep") if "decided" in request.GET else None,
        _chosen(request, "export"),
    )
    try:
        seen = _preview(wish, request.user.get_username())
    except TocsinError as error:
        which.add_error(None, str(error))
        return _ask(request, role, which, has_books=True, status=code_of(error))
    return _prepare(request, role, which, Planned(wish, seen, brief))


def _chosen(request: HttpRequest, choice: str) -> frozenset[str]:
    """Databases, by id, of which the address says so."""
    return frozenset(
        name.removeprefix("choice-")
        for name, value in request.GET.items()
        if name.startswith("choice-") and value == choice
    )


def _is_untaken(move: Move, request: HttpRequest) -> bool:
    """Something else was chosen than what its plan says: there is nothing left to choose about."""
    return request.GET.get(f"choice-{move.target.id}", move.choice) != move.choice


def _is_new(which: Which) -> bool:
    """Only a datacenter is named, by the page that led here."""
    return not which.is_bound or "mode" not in which.data


def _first(known: list[tuple[str, str]], screen: Screen, request: HttpRequest) -> dict[str, object]:
    """What is offered to begin with: nothing is moved into what is lost, or may be, itself."""
    sites = list(screen.recovery.sites)
    gone = {*screen.lost_sites, *(one.site for one in screen.silent_sites)}
    lost = request.GET.get("lost", sites[0] if sites else "")
    others = [site for site in sites if site != lost]
    into = next((site for site in others if site not in gone), next(iter(others), ""))
    book = next((name for name, _ in known if name == "datacenter-lost"), "")
    mode = Mode.DISASTER if decision_for(lost) else Mode.SIMULATION
    return {"lost": lost, "into": into, "runbook": book, "mode": str(mode)}


def _preview(wish: acts.Start, person: str) -> Preview:
    row = find_book(wish.runbook)
    assert row is not None, "the form offers those that are in force"
    return preview(row, wish.wish, person)


@dataclass(frozen=True, slots=True)
class Planned:
    """What was named, what it would do, what is known of the datacenter."""

    wish: acts.Start
    seen: Preview
    brief: Brief


def _prepare(request: HttpRequest, role: Role, which: Which, planned: Planned) -> HttpResponse:
    """A plan that became another one between reading and pressing is shown again."""
    wish, seen, brief = planned.wish, planned.seen, planned.brief
    form = Prepare(request.POST or None, is_stale=bool(seen.stale), leaving=seen.leaving)
    status, changed = (422 if form.is_bound else 200), False
    if form.is_valid():
        told = form.cleaned_data
        try:
            row = acts.prepare(
                wish,
                seen=told["seen"],
                override=told.get("override", ""),
                leaves=told.get("leaves", ()),
                actor=actor_of(request),
                reason=told["reason"],
            )
        except TocsinError as error:
            changed = isinstance(error, Conflict)
            status = code_of(error)
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{row} is prepared. Nothing of it has begun.")
            return HttpResponseRedirect(f"/recovery/runs/{row.number}/")
    if form.is_bound:
        form.data = {name: form.data[name] for name in form.data} | {"seen": seen.seen}
    form.initial["seen"] = seen.seen
    return _ask(
        request,
        role,
        which,
        has_books=True,
        status=status,
        form=form,
        seen=seen,
        held=[one for one in seen.plan.moves if one.held],
        choices=CHOICES,
        untaken=[one.target.name for one in seen.plan.moves if _is_untaken(one, request)],
        exports=there_of([UUID(one.target.id) for one in seen.plan.moves if one.held]),
        asked=[(name, which[name].value()) for name in which.fields],
        changed=changed,
        refusal=seen.refusal or refuse_undecided(wish.mode, wish.lost, decision_for(wish.lost)),
        decision=decision_for(wish.lost) if wish.mode is Mode.DISASTER else None,
        brief=brief,
        loss=say(brief.activate.losses),
        going=_in_the_way(wish),
    )


def _in_the_way(wish: acts.Start) -> list[RunLine]:
    """Runs that are not over and of which no second may go on: a drill is in the way of drills
    alone, and a simulation of nothing."""
    rivals = {
        Mode.SIMULATION: frozenset[Mode](),
        Mode.DRILL: frozenset({Mode.DRILL}),
    }.get(wish.mode, frozenset({Mode.PLANNED, Mode.DISASTER}))
    return [one for one in run_lines(lost=wish.lost) if not one.is_over and one.mode in rivals]


def _ask(
    request: HttpRequest, role: Role, which: Which, *, has_books: bool, **context: object
) -> HttpResponse:
    seen, no_book = context.get("seen"), missing_book()
    lost = which["lost"].value() or ""
    return show(
        request,
        role,
        "run-start",
        area="recovery",
        heading=f"Start a runbook for {lost}" if seen else "Start a runbook",
        which=which,
        has_books=has_books,
        no_book=no_book,
        shipped=shipped() if no_book else (),
        can_write=may(role, May.WRITE_RUNBOOK),
        returns=() if seen else returns(),
        **context,  # type: ignore[arg-type]  # as `show` takes it
    )
