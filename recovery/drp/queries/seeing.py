"""Whether Tocsin sees now what a plan is about: who it moves things to, above all.

Invariant: while it does not, no yes is taken; the words say since when, and of whom nothing is
heard by the last words of its agents, since verdicts stand still. So it is where no controller
looks, which whoever takes the yes knows: no row says it.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from recovery.brief.decide import look_of, unseen_words
from recovery.brief.parts import Look
from recovery.brief.queries import Fleet, fleet_at
from recovery.drp.facts import Mode, RunState
from recovery.drp.models import Run
from recovery.drp.plan import Plan
from recovery.drp.queries.once import once
from recovery.drp.queries.people import database_now

REAL = frozenset({Mode.PLANNED, Mode.DISASTER})
GOING = (RunState.RUNNING, RunState.PAUSED, RunState.ABORTING)


def fleet_once(now: datetime) -> Fleet:
    """What a brief knows of every datacenter, as this look saw it first."""
    return once(("fleet",), lambda: fleet_at(now))


def refuse_unseen(plan: Plan, fleet: Fleet | None = None, *, unwatched: str = "") -> str:
    """Why a yes to this plan would rest on nothing now; empty where it would not. `unwatched`: why
    nobody looks at the fleet; empty where a controller does."""
    fleet = fleet or fleet_once(database_now())
    into = plan.into.name
    if (unseen := fleet.unseen(into, unwatched)) is not None:
        return unseen_words(into, unseen)
    return refuse_into(plan, fleet)


def refuse_into(plan: Plan, fleet: Fleet | None = None) -> str:
    """Why nothing is moved to what takes over; empty where it stands, or where nothing is moved."""
    return _lost(plan, fleet) or _against(plan)


def _against(plan: Plan) -> str:
    """Of two runs that go on neither fills what the other one empties; what is lost is recovered
    whatever else goes on."""
    if plan.mode is not Mode.PLANNED:
        return ""
    going = Run.objects.filter(state__in=GOING, mode__in=sorted(REAL)).order_by("number")
    run = going.filter(Q(into=plan.lost.name) | Q(lost=plan.into.name)).first()
    if run is None:
        return ""
    return (
        f"{run} moves {run.lost} into {run.into} and is not over: this plan would fill what that"
        " one empties, or empty what it fills."
    )


def _lost(plan: Plan, fleet: Fleet | None) -> str:
    fleet = fleet or fleet_once(database_now())
    site = fleet.sites.get(plan.into.name) if plan.mode in REAL else None
    if site is None or look_of(site) is not Look.LOST:
        return ""
    size = len(site.hosts)
    return f"{site.name}, which takes over, looks lost: {size - site.heard} of {size} hosts."
