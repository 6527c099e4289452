"""How long one tick of detection takes: `python -m tests.bench.detection [--small]`.

10,000 hosts in ten datacenters of 25 racks, five ticks a second. The cases: all is well; one
heartbeat in twenty lost a moment ago; a rack just lost; a datacenter lost and held;
half of the fleet silent, which leaves us blind.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterable

import numpy as np

from recovery.detection.decide import decide
from recovery.detection.eyes import Scene
from recovery.detection.facts import Gateway, Kernel
from recovery.detection.policy import Policy
from recovery.detection.sights import Memory, Roster, Seen, Sights, Standing
from recovery.inventory.facts import Replace, Verdict

POLICY = Policy()
NOW = 1000.0


def fleet(places: int, racks: int, per_rack: int) -> Roster:
    """Hosts in rows of racks, as ids, names, datacenters and domains."""
    rows = [
        (f"{place:02d}{rack:02d}{at:03d}", f"D{place}", frozenset({f"D{place}/r{rack}"}))
        for place in range(places)
        for rack in range(racks)
        for at in range(per_rack)
    ]
    return Roster.of(
        [r[0] for r in rows], [r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows]
    )


def scene(
    roster: Roster, silent: Iterable[int], *, stale: float = 0.0, told: bool = False
) -> Scene:
    """These hosts silent for 3 s and seen so by five observers; `stale` of the rest 1.5 s late."""
    rng = np.random.default_rng(1)
    count = len(roster.hosts)
    ages = rng.random(count)
    ages[rng.random(count) < stale] = 1.5
    gone = list(silent)
    ages[gone] = 3.0
    apart = [count // 2, count // 2 + 60, count // 2 + 120, count - 1, count - 60]
    ages[apart] = 0.2
    seen = {
        roster.hosts[at]: [Seen(roster.hosts[one], Kernel.SILENT, 0, 2, 1.0) for one in apart]
        for at in gone
    }
    verdict = Standing(Verdict.LOST, 5.0, Replace.HELD) if told else Standing(Verdict.SUSPECT, 0.2)
    standing = {roster.hosts[at]: verdict for at in gone}
    boots = np.ones(count, np.uint64)
    return Scene(
        roster, standing, Sights(roster.hosts, ages, boots, seen, (Gateway("g", 0.1, 9e3),))
    )


def timed(name: str, of: Scene, rounds: int) -> float:
    """Median microseconds of one tick."""
    count = len(of.roster.hosts)
    memory = Memory(
        begun=0.0,
        ticked=NOW - 0.2,
        hosts=of.roster.hosts,
        heard_since=np.full(count, 1.0),
        boots=np.ones(count, np.uint64),
    )
    spans = []
    for _ in range(rounds):
        began = time.perf_counter()
        decision = decide(of, memory, POLICY, NOW)
        spans.append((time.perf_counter() - began) * 1e6)
    median = statistics.median(spans)
    said = f"{median:>10,.0f} µs a tick, {median * 5 / 1e4:6.1f} % of a core"
    sys.stdout.write(f"{name:<34}{said}  ({len(decision.changes)} changes)\n")
    return median


def main() -> None:
    """The table for the README."""
    small = "--small" in sys.argv
    roster = fleet(10, 25, 4 if small else 40)
    per_place = len(roster.hosts) // 10
    sys.stdout.write(f"{len(roster.hosts):,} hosts\n")
    rounds = 20 if small else 50
    timed("all is well", scene(roster, ()), rounds)
    timed("5 % of heartbeats just lost", scene(roster, (), stale=0.05), rounds)
    timed("a rack just lost", scene(roster, range(per_place // 25)), rounds)
    timed("a datacenter just lost", scene(roster, range(per_place)), 10)
    timed("blind: half of them silent", scene(roster, range(5 * per_place)), 10)
    timed("a datacenter lost and held", scene(roster, range(per_place), told=True), 10)


if __name__ == "__main__":
    main()
