"""Whose turn it is, and for how long: carrying plans on never takes detection its time.

Invariants: a round ends once its budget is spent, after one more order at most; the next one begins
with who has waited longest, so that neither a run nor a target is kept waiting by the others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from recovery.drp.sights import Do, Order

BUDGET_SECONDS = 0.1
"""Of one round, in the thread that detects: half a tick of detection's, which takes a gap of three
for an absence of its own."""
BATCH = 4
"""So many acts of a step are intended in one transaction, by one look at the inventory."""
OF_THE_RUN = frozenset({Do.PAUSE, Do.ABORT, Do.FINISH, Do.REST})
"""What waits for no turn."""

Key = tuple[object, ...]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Budget:
    """Until when this round lasts, by the clock of the process."""

    clock: Callable[[], float]
    until: float

    @classmethod
    def of(cls, clock: Callable[[], float], seconds: float) -> Budget:
        return cls(clock, clock() + seconds)

    @property
    def is_spent(self) -> bool:
        return self.clock() >= self.until


@dataclass(slots=True)
class Turns:
    """When each was served last; who never was comes first."""

    served: dict[Key, int] = field(default_factory=dict)
    count: int = 0

    def in_order(self, all: Iterable[T], key: Callable[[T], Key]) -> list[T]:
        """Who has waited longest first; of equals as they were given."""
        return sorted(all, key=lambda one: self.served.get(key(one), 0))

    def serve(self, key: Key) -> None:
        self.count += 1
        self.served[key] = self.count

    def forget(self, keep: Callable[[Key], bool]) -> None:
        """Those who are there no more."""
        self.served = {key: at for key, at in self.served.items() if keep(key)}


def batches(orders: Collection[Order]) -> list[list[Order]]:
    """Each order alone, but acts of one step that are to be intended for one reason: a few at a
    time."""
    found: list[list[Order]] = []
    for order in orders:
        last = found[-1] if found else []
        if last and _belongs(order, last) and len(last) < BATCH:
            last.append(order)
        else:
            found.append([order])
    return found


def _belongs(order: Order, batch: list[Order]) -> bool:
    first = batch[0]
    is_alike = (order.step, order.reason) == (first.step, first.reason)
    return order.do is first.do is Do.INTEND and is_alike
