"""What every hand is given for one round: the run, its plan, who leads, when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from recovery.audit.facts import Actor
from recovery.core.errors import Refused
from recovery.drp.facts import Mode
from recovery.drp.looking import World
from recovery.drp.models import Run
from recovery.drp.plan import Plan, PlannedStep, Target
from recovery.drp.sights import Order
from recovery.restores.queries import Leases


@dataclass(frozen=True, slots=True)
class Bench:
    """`monotonic`: this process's own clock; `waiting`: what it remembers by it, between rounds;
    `leases`: as the leader watches them, by the same clock."""

    run: Run
    plan: Plan
    world: Callable[[Order], World]
    actor: Actor
    now: datetime
    monotonic: Callable[[], float]
    waiting: dict[str, float] = field(default_factory=dict)
    leases: Callable[[], Leases] = Leases

    def step(self, order: Order) -> PlannedStep:
        """The step that the order is of, as it was approved."""
        return self.plan.step(order.step)

    def refuse_drill(self, target: Target) -> None:
        """The engine asks this before; whoever touches production rows asks once more (I-DR-4)."""
        if self.plan.mode not in {Mode.PLANNED, Mode.DISASTER} or target.realm != "production":
            raise Refused(f"{target.name} is {target.realm}: a {self.plan.mode} never touches it.")
