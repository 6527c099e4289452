"""What `make bench-restore` found, in words, and whether it is enough. Pure."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.restore_cost import Cpu, bound

LEAST, ETA, RIGHT = 0.8, 0.15, 0.95
_NAMES = ("raw disk", "store read", "unpacking", "the three at once", "restore")


@dataclass
class Round:
    """Bytes a second, each of plain bytes; `misses`: of each word about its end, as a share of all
    that it took."""

    disk: float
    store: float
    unpack: float
    together: float
    restore: float
    total: float
    misses: list[float]
    size: int
    costs: list[Cpu]
    """Of the same five."""

    @property
    def of_alone(self) -> float:
        """Its share of the least of disk, store and unpacking, each alone."""
        return self.restore / min(self.disk, self.store, self.unpack)

    @property
    def of_least(self) -> float:
        """Its share of the least of these and of the three at once: what can be had here."""
        return self.restore / min(self.disk, self.store, self.unpack, self.together)


def told(name: str, found: Round) -> str:
    rates = (found.disk, found.store, found.unpack, found.together, found.restore)
    speeds = ", ".join(f"{what} {each / 1e6:.0f}" for what, each in zip(_NAMES, rates, strict=True))
    return (
        f"{name}: MB/s {speeds} ({found.of_alone:.2f} of the least of each alone, "
        f"{found.of_least:.2f} of the least with the three at once); "
        f"{found.total:.1f} s with replay and proof; its end {_missed(found.misses)}\n"
        f"{_spent(found)}"
    )


def _spent(found: Round) -> str:
    alone, size = found.costs[:3], found.size
    told = (
        f"{name} {each.own / size * 1e9:.2f} + {each.store / size * 1e9:.2f}"
        for name, each in zip(_NAMES, found.costs, strict=True)
    )
    most, without = bound(alone, size), bound(alone, size, is_store_here=False)
    mine = bound(found.costs[-1:], size), bound(found.costs[-1:], size, is_store_here=False)
    return (
        f"  CPU, ms for a MB, own + the store's: {', '.join(told)}; so {os.cpu_count()} cores "
        f"do at most {most / 1e6:.0f} MB/s of these three ({without / 1e6:.0f} with the "
        f"store elsewhere), and a restore as it is {mine[0] / 1e6:.0f} ({mine[1] / 1e6:.0f})"
    )


def summary(rounds: Sequence[Round]) -> list[str]:
    """The target as it is written stays in it, whatever is judged by the other."""
    alone = median(each.of_alone for each in rounds)
    least = median(each.of_least for each in rounds)
    later = [miss for each in rounds[1:] for miss in each.misses]
    return [
        f"median of the least of disk, store and unpacking, each alone: {alone:.2f}; "
        f"{_against(alone, LEAST)}",
        f"median of the least of disk, store, unpacking and the three at once: {least:.2f}; "
        f"{_against(least, LEAST)} (by this one it is judged)",
        f"the end of all {_missed(_misses(rounds))} ({_against(_near(rounds), RIGHT)})",
        f"of a host that restored before {_missed(later)}",
    ]


def is_met(rounds: Sequence[Round]) -> bool:
    return median(each.of_least for each in rounds) >= LEAST and _near(rounds) >= RIGHT


def _against(found: float, target: float) -> str:
    return f"target {target:g}: {'met' if found >= target else 'missed'}"


def _misses(rounds: Sequence[Round]) -> list[float]:
    return [miss for each in rounds for miss in each.misses]


def _near(rounds: Sequence[Round]) -> float:
    misses = _misses(rounds)
    return sum(miss <= ETA for miss in misses) / max(1, len(misses))


def _missed(misses: Sequence[float]) -> str:
    if not misses:
        return "never told"
    near = sum(miss <= ETA for miss in misses) / len(misses)
    far = f"median {median(misses):.0%}, worst {max(misses):.0%}"
    return f"told {len(misses)} times, {near:.0%} within {ETA:.0%}: {far}"
