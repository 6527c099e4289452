"""Time, network and chance of the simulation. True time is only known to the world."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

INF = float("inf")
KERNEL = 0.01
"""How long a gate takes to close: F, at its worst."""


BY_WALL = [False]
"""Mutant M3: clocks are times of day, which jump."""


class Clock:
    """A node's monotonic clock: it drifts, and stands still while its machine is paused.

    `jump`: how far its time of day was set; nobody asks for that, but the mutant M3."""

    __slots__ = ("jump", "offset", "rate", "stopped", "stopped_at")

    def __init__(self, rng: Random, drift: float) -> None:
        self.rate = 1.0 + rng.choice((-drift, drift, rng.uniform(-drift, drift)))
        self.offset = rng.uniform(0.0, 10_000.0)
        self.stopped = 0.0
        self.stopped_at: float | None = None
        self.jump = 0.0

    def now(self, t: float) -> float:
        if self.stopped_at is not None:
            t = self.stopped_at
        local = self.offset + self.rate * (t - self.stopped)
        return local + self.jump if BY_WALL[0] else local

    def true(self, local: float) -> float:
        """When this clock will show `local`, if it is not paused meanwhile."""
        if BY_WALL[0]:
            local -= self.jump
        return (local - self.offset) / self.rate + self.stopped

    def pause(self, t: float) -> None:
        self.stopped_at = t

    def resume(self, t: float) -> None:
        if self.stopped_at is not None:
            self.stopped += t - self.stopped_at
            self.stopped_at = None


@dataclass(slots=True)
class Chances:
    """What is drawn once for a seed. `quick`: buggified, everything takes almost no time."""

    quick: bool = True
    loss: float = 0.0
    double: float = 0.0
    slow: float = 0.0
    slowest: float = 2.0
    commit: float = 0.0
    spike: float = 0.0
    """Share of transactions that take up to 2 s."""
    promote: float = 0.0
    drift: float = 0.001
    synchronous: bool = True
    by_edge: bool = True
    standbys: int = 1
    blocking: bool = False
    eager: bool = True
    """The decider wakes at the very end of a wait, not at its next tick."""
    stall: float = 0.0
    """Share of weighty decisions between which and whose commit the decider sleeps (M6)."""
    woken: bool = False
    """Every committed renewal wakes the decider: it sees each as early as can be."""
    attended: bool = False
    """A person confirms power-offs."""
    blocked_for: float = 0.0


class Ground:
    """The event heap and the network. A node is anything with a name and `runs_again(t)`."""

    def __init__(self, seed: int, chances: Chances) -> None:
        self.rng = Random(seed)
        self.random = self.rng.random
        self.chances = chances
        self.t = 0.0
        self.heap: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self.count = 0
        self.cuts: dict[tuple[str, str], float] = {}
        self.late: dict[tuple[str, str], tuple[float, float]] = {}
        self.noise_until = -1.0
        self.log: list[str] = []
        self.is_told = False

    def at(self, t: float, do: Callable[..., None], *args: object) -> None:
        self.count += 1
        heapq.heappush(self.heap, (t, self.count, do, args))

    def tell(self, said: str) -> None:
        if self.is_told:
            self.log.append(f"{self.t:7.3f} {said}")

    def run(self, until: float) -> None:
        heap = self.heap
        pop = heapq.heappop
        while heap and heap[0][0] <= until:
            self.t, _, do, args = pop(heap)
            do(*args)
        self.t = until

    def latency(self) -> float:
        chances = self.chances
        if chances.slow and self.random() < chances.slow:
            return self.random() * chances.slowest
        return self.random() * (0.0008 if chances.quick else 0.04)

    def send(self, source: str, target: str, do: Callable[..., None], *args: object) -> None:
        """Once, never, or twice; in any order."""
        t = self.t
        if self.cuts and self.cuts.get((source, target), 0.0) > t:
            return
        chances = self.chances
        loss = max(chances.loss, 0.4 if t < self.noise_until else 0.0)
        if loss and self.random() < loss:
            return
        until, extra = self.late.get((source, target), (0.0, 0.0)) if self.late else (0.0, 0.0)
        self.at(t + self.latency() + (extra * self.random() if t < until else 0.0), do, *args)
        if chances.double and self.random() < chances.double:
            self.at(t + self.random() * 3.0, do, *args)

    def cut(self, one: str, other: str, until: float) -> None:
        """One way: what `one` sends does not reach `other`."""
        self.cuts[one, other] = max(until, self.cuts.get((one, other), 0.0))
