"""What befalls a database in a schedule: a pure function of seed and number, so that it replays."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Target = Literal["primary", "standby"]
LOSSES = ("kill-host", "hang-host", "partition")
"""What makes a host look lost. The guard lets two of them pass within two minutes (I-BR-1)."""
HARMS = (
    "kill-agent",
    "kill-server",
    "kill-watchdog",
    "stop-agent",
    "stop-server",
    "isolate",
    "sever",
    "step-clock",
)
"""What befalls a part of a host, or one of its ways: to the control plane, or to its peers."""
CONTROL = ("controller", "controller-2", "gateway", "postgres", "valkey")
"""Processes of the control plane that are killed or stopped."""
LASTS: Mapping[str, tuple[float, float]] = {
    "kill-host": (5.0, 20.0),
    "hang-host": (4.0, 18.0),
    "partition": (4.0, 18.0),
    "stop-agent": (2.0, 12.0),
    "stop-server": (1.0, 11.0),
    "isolate": (3.0, 15.0),
    "sever": (3.0, 15.0),
    "step-clock": (2.0, 11.0),
    "stop-control": (2.0, 10.0),
}
"""Seconds from and to: shorter and longer than a lease of 6 s, and than what is recovered from
by itself. What is not named here is over as soon as it was done."""
WITHIN = 9.0
WAYS = ("both", "in", "out")
STEP = 300.0


@dataclass(frozen=True, slots=True)
class Strike:
    """One thing that befalls at `moment` and ends `seconds` later; `what`: a process of the
    control plane, the way that is cut, or the step of the clock."""

    moment: float
    kind: str
    target: str
    seconds: float = 0.0
    what: str = ""

    def __str__(self) -> str:
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        what = f" {self.what}" if self.what else ""
        return f"{self.kind}{what} of {self.target} at {self.moment:.1f} s{lasting}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """What one database goes through."""

    number: int
    database: str
    strikes: tuple[Strike, ...]

    def __str__(self) -> str:
        return f"{self.number}: {self.database}: {'; '.join(map(str, self.strikes))}"

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(strike.kind for strike in self.strikes)


def plan_schedule(seed: int, number: int, databases: Sequence[str]) -> Schedule:
    """Schedule `number` (from 1) of this seed; the same each time it is asked.

    Those of one round, one for each database, befall at once: one of them loses no host, so that
    the others stay below what the guard lets pass without a person.
    """
    rng = random.Random(f"{seed}/{number}")
    place, round_number = (number - 1) % len(databases), (number - 1) // len(databases)
    may_lose = place != round_number % len(databases)
    strikes = [_loss(rng)] if may_lose and rng.random() < 0.9 else [_harm(rng)]
    strikes += [_harm(rng) for _ in range(rng.randint(1, 2))]
    if rng.random() < 0.5:
        strikes.append(_control(rng))
    in_time = sorted(strikes, key=lambda strike: strike.moment)
    return Schedule(number, sorted(databases)[place], tuple(in_time))


def _loss(rng: random.Random) -> Strike:
    return _strike(rng, rng.choice(LOSSES))


def _harm(rng: random.Random) -> Strike:
    return _strike(rng, rng.choice(HARMS))


def _strike(rng: random.Random, kind: str) -> Strike:
    """The primary more often than the standby: it is what must not be there twice."""
    target: Target = "primary" if rng.random() < 0.8 else "standby"
    what = ""
    if kind in ("isolate", "sever", "partition"):
        what = rng.choice(WAYS)
    elif kind == "step-clock":
        what = rng.choice((f"{STEP:+.0f}", f"{-STEP:+.0f}"))
    return Strike(_moment(rng), kind, target, _lasting(rng, kind), what)


def _control(rng: random.Random) -> Strike:
    kind = rng.choice(("kill-control", "kill-control", "stop-control"))
    which = rng.choice(CONTROL)
    return Strike(_moment(rng), kind, "control", _lasting(rng, kind), which)


def _moment(rng: random.Random) -> float:
    return round(rng.uniform(0.0, WITHIN), 2)


def _lasting(rng: random.Random, kind: str) -> float:
    return round(rng.uniform(*LASTS[kind]), 2) if kind in LASTS else 0.0
