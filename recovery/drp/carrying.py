"""The cycle with what this product has: hands, looks at gates, what a simulation expects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

import structlog
from django.db import DatabaseError

from recovery.audit.facts import Actor
from recovery.core.clock import Clock
from recovery.core.errors import NotLeader
from recovery.drp.cycle import Cycle
from recovery.drp.drills.world import drill_world
from recovery.drp.expecting import expected
from recovery.drp.facts import Mode, StepState
from recovery.drp.hands import hands_of
from recovery.drp.looking import World, look
from recovery.drp.models import Run
from recovery.drp.queries.promises import back
from recovery.drp.queries.runs import plan_of
from recovery.drp.queries.world import world_for
from recovery.drp.rounds.taking import Hands
from recovery.drp.runbooks.kinds import Condition
from recovery.drp.sights import GateSight, RunSight, StepSight
from recovery.drp.waves import current_wave
from recovery.restores.queries import Leases

log = structlog.get_logger()
Blind = Callable[[], str]


def make_cycle(
    clock: Clock, leases: Callable[[], Leases] = Leases, blind: Blind = lambda: ""
) -> Cycle:
    """For the leading controller: one for its whole life. `leases`: as it watches them; `blind`:
    why it trusts its eyes in nothing now."""
    waiting: dict[str, float] = {}

    def there(run: Run, step: str = "") -> World:
        plan = plan_of(run)
        if run.mode == Mode.DRILL:
            return drill_world(run.pk, plan, blind=blind())
        return world_for(plan.step(step).conditions if step else (), plan, blind=blind())

    def hands(run: Run, actor: Actor, now: datetime) -> Hands:
        return hands_of(
            run,
            lambda order: there(run, order.step),
            waiting=waiting,
            actor=actor,
            now=now,
            monotonic=clock.monotonic,
            leases=leases,
        )

    return Cycle(
        hands,
        gates=lambda run: _gates(run, blind()),
        expected=lambda run: _expected(run, blind()),
        back=lambda run, now: back(run, there(run), now),
        clock=clock.monotonic,
    )


def _gates(run: RunSight, blind: str) -> Mapping[str, GateSight]:
    """Of steps that have begun and have one."""
    begun = [step for step in run.steps.values() if step.state is StepState.BEGUN]
    return {
        step.planned.id: _gate(step, run, blind) for step in begun if step.planned.gate is not None
    }


def _gate(step: StepSight, run: RunSight, blind: str) -> GateSight:
    """Of the wave that was begun last. One that cannot be looked at stays shut, and says why."""
    try:
        return _looked(step, run, blind)
    except (NotLeader, DatabaseError):
        raise
    except Exception as error:
        log.exception("a gate cannot be looked at", run=run.id, step=step.planned.id)
        said = f"It cannot be looked at. {type(error).__name__}: {error}"
        return GateSight(False, said, step.quiet)


def _looked(step: StepSight, run: RunSight, blind: str) -> GateSight:
    gate = step.planned.gate
    assert gate is not None, "it was asked for"
    waves = step.planned.waves
    only = frozenset(target.key for target in waves[current_wave(step)]) if waves else frozenset()
    if run.plan.mode is Mode.DRILL:
        there = drill_world(UUID(run.id), run.plan, blind=blind, only=only)
    else:
        there = world_for((gate.that,), run.plan, blind=blind, only=only)
    seen = look(Condition(gate.that), there)
    return GateSight(seen.holds(gate.at_least), seen.said, step.quiet)


def _expected(run: RunSight, blind: str) -> Mapping[str, tuple[bool, str]]:
    if run.plan.mode is not Mode.SIMULATION:
        return {}
    there = world_for(tuple(Condition), run.plan, blind=blind)
    return expected(run.plan, there)
