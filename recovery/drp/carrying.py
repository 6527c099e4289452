"""The cycle with what this product has: hands, looks at gates, what a simulation expects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from recovery.audit.facts import Actor
from recovery.core.clock import Clock
from recovery.drp.cycle import Cycle, Hands
from recovery.drp.expecting import expected
from recovery.drp.facts import Mode, StepState
from recovery.drp.hands import hands_of
from recovery.drp.looking import World, look
from recovery.drp.models import Run
from recovery.drp.queries.runs import plan_of
from recovery.drp.queries.world import world, world_of
from recovery.drp.runbooks.kinds import Condition
from recovery.drp.sights import GateSight, Order, RunSight, StepSight
from recovery.drp.waves import current_wave
from recovery.restores.queries import Leases


def make_cycle(clock: Clock, leases: Callable[[], Leases] = Leases) -> Cycle:
    """For the leading controller: one for its whole life. `leases`: as it watches them."""
    waiting: dict[str, float] = {}

    def hands(run: Run, actor: Actor, now: datetime) -> Hands:
        plan = plan_of(run)

        def there(order: Order) -> World:
            return world_of(plan)

        return hands_of(
            run,
            there,
            waiting=waiting,
            actor=actor,
            now=now,
            monotonic=clock.monotonic,
            leases=leases,
        )

    return Cycle(hands, gates=_gates, expected=_expected)


def _gates(run: RunSight) -> Mapping[str, GateSight]:
    """Of steps that have begun and have one."""
    begun = [step for step in run.steps.values() if step.state is StepState.BEGUN]
    return {step.planned.id: _gate(step, run) for step in begun if step.planned.gate is not None}


def _gate(step: StepSight, run: RunSight) -> GateSight:
    """Of the wave that was begun last."""
    gate = step.planned.gate
    assert gate is not None, "it was asked for"
    waves = step.planned.waves
    only = frozenset(target.key for target in waves[current_wave(step)]) if waves else frozenset()
    there = world(run.plan.lost.name, run.plan.into.name, only=only)
    seen = look(Condition(gate.that), there)
    return GateSight(seen.holds(gate.at_least), seen.said, step.quiet)


def _expected(run: RunSight) -> Mapping[str, tuple[bool, str]]:
    if run.plan.mode is not Mode.SIMULATION:
        return {}
    return expected(run.plan, world_of(run.plan))
