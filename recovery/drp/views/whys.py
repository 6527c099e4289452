"""Why a step that is under way goes no further: what its condition, gate or hand says now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from uuid import UUID

from recovery.core.clock import system
from recovery.drp.drills.world import drill_world
from recovery.drp.facts import ActState, Kind, Mode, StepState
from recovery.drp.looking import World, look
from recovery.drp.models import Run
from recovery.drp.placing import outcome_of
from recovery.drp.plan import Plan, Target
from recovery.drp.queries.copies import copies_of, places_for, turn_of, under_way
from recovery.drp.queries.world import world_for
from recovery.drp.runbooks.kinds import Condition
from recovery.drp.sights import Heard, RunSight, StepSight
from recovery.drp.waves import current_wave, is_under_way

AT_MOST = 3
"""Of so many applications it is said what they wait for: each costs a look at all hosts."""


def whys(row: Run, sight: RunSight) -> Mapping[str, str]:
    """Of each that waits for something which can be looked at."""
    waiting = [step for step in sight.steps.values() if _conditions(step)]
    found = {step.planned.id: _placed(step, sight.plan) for step in _placing(sight)}
    for step in waiting:
        there = _there(row, sight, step)
        found[step.planned.id] = " ".join(_not_yet(one, step, there) for one in _conditions(step))
    return {name: said.strip() for name, said in found.items() if said.strip()}


def _there(row: Run, sight: RunSight, step: StepSight) -> World:
    """As the hands of the run look at it: a drill at its own hosts."""
    only = _only(step)
    if sight.plan.mode is Mode.DRILL:
        return drill_world(row.pk, sight.plan, only=only)
    return world_for(_conditions(step), sight.plan, only=only)


def _conditions(step: StepSight) -> tuple[str, ...]:
    if step.state is not StepState.BEGUN:
        return ()
    if step.planned.kind is Kind.WAIT_UNTIL:
        return step.planned.conditions
    gate = step.planned.gate
    return () if gate is None or is_under_way(step) or not step.acts else (gate.that,)


def _only(step: StepSight) -> frozenset[str]:
    """A gate is about the wave that was begun last."""
    if step.planned.kind is Kind.WAIT_UNTIL or not step.planned.waves:
        return frozenset()
    return frozenset(target.key for target in step.planned.waves[current_wave(step)])


def _not_yet(condition: str, step: StepSight, there: World) -> str:
    gate = step.planned.gate
    at_least = gate.at_least if gate else int(step.planned.params.get("at_least", 100))
    seen = look(Condition(condition), there)
    return "" if seen.holds(at_least) else seen.said


# ---------------------------------------------------------------------- copies on their way


def _placing(sight: RunSight) -> Iterator[StepSight]:
    """Steps of which copies are on their way; a drill and a simulation move none."""
    if sight.plan.mode not in {Mode.PLANNED, Mode.DISASTER}:
        return
    for step in sight.steps.values():
        is_placing = step.planned.kind is Kind.PLACE_APPLICATIONS
        if is_placing and step.state is StepState.BEGUN and is_under_way(step):
            yield step


def _placed(step: StepSight, plan: Plan) -> str:
    targets = {target.key: target for wave in step.planned.waves for target in wave}
    acts = [act for act in step.acts if act.state is ActState.INTENDED and act.target in targets]
    now = system.now()
    said = [_copies(plan, targets[act.target], act.key, now) for act in acts[:AT_MOST]]
    more = [f"And {len(acts) - AT_MOST} more applications."] if len(acts) > AT_MOST else []
    return " ".join([*said, *more])


def _copies(plan: Plan, target: Target, key: str, now: datetime) -> str:
    """As the hand of the step sees it, without doing anything."""
    application = UUID(target.id)
    if plan.mode is Mode.PLANNED:
        said = turn_of(plan, target, key=key, now=now).outcome.said
    else:
        seen = outcome_of(target.name, copies_of(application, plan.lost.name, key=key))
        said = seen.said
        if seen.heard is Heard.NEVER:
            said = f"{target.name}: {places_for(application, plan.lost.name, now)[2]}."
    return f"{said}{under_way(application, key=key)}"
