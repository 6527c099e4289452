"""At 50, 80 and 100 % of the time that something has, whoever is waited for is told, once. Pure.

What has its time: a step that is under way (its timeout, from its oldest act of this round), and
what the plan promises of a service (its RTO, from the loss). Interface rule 11 names the shares.

Invariant: what is told stands in the log and on the run's page long after, so it says what was so
at that moment, and whom it waited for once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from recovery.drp.approvals.rules import WAITS
from recovery.drp.facts import ENDED, ActState, Mode, RunState, StepState
from recovery.drp.sights import RunSight, StepSight, Waiting
from recovery.drp.waits import waits

SHARES = (50, 80, 100)
THEN = "When this was told it waited for"


@dataclass(frozen=True, slots=True)
class Promise:
    """Of a service: back within `rto` seconds, of which `elapsed` are over. `has_scope`: the plan
    says which services it is about, so that it can be seen when they are back."""

    name: str
    rto: float
    elapsed: float
    has_scope: bool = True


@dataclass(frozen=True, slots=True)
class Announcement:
    """`key`: of what, and which share; told once for each. `role`: who is waited for; `service`: by
    the plan's name, where it is about a promise. Of one that is back nobody is told."""

    key: str
    share: int
    role: str
    title: str
    said: str
    service: str = ""


def announcements(run: RunSight, promises: Sequence[Promise]) -> tuple[Announcement, ...]:
    """Of everything the highest share that is over: who comes late is told of no earlier one."""
    if run.state in ENDED or run.state is RunState.PREPARED or run.plan.mode is Mode.SIMULATION:
        return ()
    steps = tuple(one for step in run.steps.values() for one in _of_step(step))
    return (*steps, *(one for promise in promises for one in _of_promise(promise, run)))


def _of_step(step: StepSight) -> Iterator[Announcement]:
    ages = [
        act.age for act in step.acts if act.state is ActState.INTENDED and act.round == step.round
    ]
    if step.state is not StepState.BEGUN or not ages:
        return
    planned = step.planned
    share = _share(max(ages), planned.timeout)
    if share:
        yield Announcement(
            key=f"{planned.id}:{step.round}:{share}",
            share=share,
            role=planned.owner,
            title=f"{share} % of the time of “{planned.title}” is over",
            said=f"It has {_span(planned.timeout)}. {THEN} the role {planned.owner}.",
        )


def _of_promise(promise: Promise, run: RunSight) -> Iterator[Announcement]:
    share = _share(promise.elapsed, promise.rto)
    if not share:
        return
    pressing = next((one for one in waits(run) if one.who), None)
    role = pressing.who if pressing else "responder"
    due = _span(promise.rto) + ("" if promise.has_scope else ", and the run is not over")
    yield Announcement(
        key=f"rto {promise.name}:{share}",
        share=share,
        role=role,
        title=f"{share} % of the time promised for {promise.name} is over",
        said=f"It is to be back within {due}. {_waited(role, pressing)}",
        service=promise.name,
    )


def _waited(role: str, pressing: Waiting | None) -> str:
    """Who is asked for a yes is in the reason already."""
    if pressing is None:
        return f"{THEN} nobody."
    if pressing.reason.startswith(WAITS):
        return f"{THEN} {pressing.reason.removeprefix(WAITS)}"
    return f"{THEN} the role {role}: “{pressing.reason}”"


def _share(elapsed: float, whole: float) -> int:
    """The highest one that is over; 0: none is."""
    passed = [share for share in SHARES if elapsed * 100 >= share * whole]
    return max(passed, default=0)


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min" + (f" {rest} s" if rest else "") if minutes else f"{rest} s"
