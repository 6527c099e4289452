"""Why a step that is under way goes no further: what its condition, or its gate, says now."""

from __future__ import annotations

from collections.abc import Mapping

from recovery.drp.drills.world import drill_world
from recovery.drp.facts import Kind, Mode, StepState
from recovery.drp.looking import World, look
from recovery.drp.models import Run
from recovery.drp.queries.world import world_of
from recovery.drp.runbooks.kinds import Condition
from recovery.drp.sights import RunSight, StepSight
from recovery.drp.waves import current_wave, is_under_way


def whys(row: Run, sight: RunSight) -> Mapping[str, str]:
    """Of each that waits for something which can be looked at."""
    waiting = [step for step in sight.steps.values() if _conditions(step)]
    if not waiting:
        return {}
    found = {}
    for step in waiting:
        there = _there(row, sight, step)
        found[step.planned.id] = " ".join(_not_yet(one, step, there) for one in _conditions(step))
    return {name: said.strip() for name, said in found.items() if said.strip()}


def _there(row: Run, sight: RunSight, step: StepSight) -> World:
    """As the hands of the run look at it: a drill at its own hosts."""
    only = _only(step)
    if sight.plan.mode is Mode.DRILL:
        return drill_world(row.pk, sight.plan, only=only)
    return world_of(sight.plan, only=only)


def _conditions(step: StepSight) -> tuple[str, ...]:
    if step.state is not StepState.BEGUN:
        return ()
    if step.planned.kind is Kind.WAIT_UNTIL:
        named = step.planned.params["that"]
        return (named,) if isinstance(named, str) else tuple(named)
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
