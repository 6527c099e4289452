"""check, wait_until, verify: a look, and nothing is changed by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from recovery.drp.facts import Kind
from recovery.drp.looking import Look, World, look
from recovery.drp.plan import PlannedStep
from recovery.drp.runbooks.kinds import Condition
from recovery.drp.sights import Heard, Order, Outcome


@dataclass(slots=True)
class Watching:
    """`since`: when a condition was first seen to hold without a break, by the monotonic clock of
    this process: another one begins to count anew."""

    step: Callable[[Order], PlannedStep]
    world: Callable[[Order], World]
    monotonic: Callable[[], float]
    since: dict[str, float] = field(default_factory=dict)

    def act(self, order: Order) -> Outcome:
        step, seen = self.step(order), self._looks(order)
        said = " ".join(one.said for one in seen)
        holds = all(one.holds(int(step.params.get("at_least", 100))) for one in seen)
        if step.kind is not Kind.WAIT_UNTIL:
            return Outcome(Heard.DONE if holds else Heard.FAILED, said)
        if not holds:
            self.since.pop(order.key, None)
            return Outcome(Heard.UNDER_WAY, said)
        began = self.since.setdefault(order.key, self.monotonic())
        is_long_enough = self.monotonic() - began >= float(step.params["holds_for"])
        return Outcome(Heard.DONE if is_long_enough else Heard.UNDER_WAY, said)

    def look(self, order: Order) -> Outcome:
        """Nothing is changed by it: look again."""
        return self.act(order)

    def _looks(self, order: Order) -> list[Look]:
        there = self.world(order)
        return [look(Condition(each), there) for each in self.step(order).conditions]
