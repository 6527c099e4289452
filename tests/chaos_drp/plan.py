"""What dies during a run, and when: a pure function of seed and number, so that it replays."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.chaos.plan import Strike

STRUCK = (
    "web",
    "gateway",
    "controller",
    "controller-2",
    "worker",
    "sealer",
    "postgres",
    "valkey",
)
"""What `kill -9` may hit. Valkey loses its data with it."""
WITHIN = 20.0
"""A run of the book takes about as long: what dies later dies beside it."""
FEWEST, MOST = 4, 9


@dataclass(frozen=True, slots=True)
class Round:
    """One run, and the moments of its strikes, from its start on."""

    number: int
    strikes: tuple[Strike, ...]

    def __str__(self) -> str:
        return f"round {self.number}: {', '.join(map(str, self.strikes))}"


def plan_round(seed: int, number: int, within: float = WITHIN) -> Round:
    """The same each time it is asked. A process may die more than once."""
    rng = random.Random(f"drp/{seed}/{number}")
    strikes = [
        Strike(round(rng.uniform(0.0, within), 2), rng.choice(STRUCK))
        for _ in range(rng.randint(FEWEST, MOST))
    ]
    return Round(number, tuple(sorted(strikes, key=lambda one: one.moment)))
