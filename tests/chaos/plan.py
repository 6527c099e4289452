"""What befalls the stack in a round: a pure function of seed and number, so that it replays."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

LOSSES = ("kill", "partition", "hang")
STRUCK = (
    "web",
    "gateway",
    "controller",
    "controller-2",
    "worker",
    "notifier",
    "beat",
    "prober",
    "edge",
    "postgres",
    "valkey",
    "agent",
)
"""What `kill -9` may hit. Valkey loses its data with it; an agent is one of a host that lives."""
WHILE_LOST = 12.0
WHILE_BACK = 8.0


@dataclass(frozen=True, slots=True)
class Strike:
    """`kill -9` of a process so many seconds after the loss, or after the return."""

    moment: float
    process: str
    host: str = ""

    def __str__(self) -> str:
        return f"{self.process}{f' of {self.host}' if self.host else ''} at {self.moment:.1f} s"


@dataclass(frozen=True, slots=True)
class Round:
    """A host is lost in one of three ways; what dies while it is gone and when it is back."""

    number: int
    host: str
    loss: str
    while_lost: tuple[Strike, ...]
    while_back: tuple[Strike, ...]

    def __str__(self) -> str:
        died = ", ".join(map(str, self.while_lost)) or "nothing"
        later = ", ".join(map(str, self.while_back)) or "nothing"
        return f"round {self.number}: {self.loss} {self.host}; {died}; when back: {later}"


def plan_round(seed: int, number: int, hosts: Sequence[str]) -> Round:
    """Round `number` of this seed over these hosts; the same each time it is asked."""
    rng = random.Random(f"{seed}/{number}")
    lost = rng.choice(sorted(hosts))
    others = sorted(set(hosts) - {lost})
    return Round(
        number=number,
        host=lost,
        loss=rng.choice(LOSSES),
        while_lost=_strikes(rng, others, rng.randint(2, 5), WHILE_LOST),
        while_back=_strikes(rng, others, rng.randint(0, 2), WHILE_BACK),
    )


def _strikes(
    rng: random.Random, others: Sequence[str], count: int, within: float
) -> tuple[Strike, ...]:
    """At random moments, each process at most once."""
    strikes = []
    for process in rng.sample(STRUCK, count):
        host = rng.choice(others) if process == "agent" else ""
        strikes.append(Strike(round(rng.uniform(0.0, within), 2), process, host))
    return tuple(sorted(strikes, key=lambda strike: strike.moment))
