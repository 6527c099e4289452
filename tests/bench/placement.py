"""How fast lost containers find seats: `python -m tests.bench.placement [--small]`.

The dense case: 10,661 machines in three datacenters, 65 % full, one datacenter lost. Machines
and containers have the shapes of Alibaba's published trace (Weng et al., ATC'23) when it lies in
`$TOCSIN_TRACES` or `../shared/data`, and those of a generator with the same spread otherwise.
A plain Python filter-and-score places a sample of the same containers in the same run.
"""

from __future__ import annotations

import csv
import os
import random
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from recovery.inventory.facts import Replace, Verdict
from recovery.scheduling.decide import decide
from recovery.scheduling.facts import (
    ApplicationFact,
    Decision,
    HostFact,
    SeatFact,
    SeatState,
    SlotFact,
    Snapshot,
    Vector,
)

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SITES = ("MRS1", "OSU2", "PAR1")
FULL = 0.65
SAMPLE = 300


def shapes() -> tuple[list[Vector], list[Vector], str]:
    """Machines and containers as (CPU, memory), and where they come from."""
    folder = Path(os.environ.get("TOCSIN_TRACES", "../shared/data"))
    nodes = folder / "alibaba_openb_node_list_all_node.csv"
    pods = folder / "alibaba_openb_pod_list_default.csv"
    if nodes.exists() and pods.exists():
        small: list[Vector] = [(max(cpu // 8, 1), max(mem // 8, 1)) for cpu, mem in _read(pods)]
        return _read(nodes), small, "alibaba trace"
    rng = random.Random(1)
    kinds: list[Vector] = [(32000, 262144), (96000, 786432), (128000, 786432)]
    cpu, memory = (500, 1000, 1500), (1024, 2048, 4096)
    like: list[Vector] = [(rng.choice(cpu), rng.choice(memory)) for _ in range(8152)]
    return [rng.choice(kinds) for _ in range(1523)], like, "generator"


def _read(path: Path) -> list[Vector]:
    with path.open(newline="") as file:
        return [(int(row["cpu_milli"]), int(row["memory_mib"])) for row in csv.DictReader(file)]


class World:
    """The fleet before the loss, filled at random by applications of 1 to 20 copies."""

    def __init__(self, times: int, seed: int = 7) -> None:
        machines, self.pods, self.source = shapes()
        self.rng = random.Random(seed)
        self.capacity = [shape for shape in machines for _ in range(times)]
        self.rng.shuffle(self.capacity)
        self.used = [[0, 0] for _ in self.capacity]
        self.applications: list[ApplicationFact] = []
        self.seats: list[SeatFact] = []
        self._fill()

    def _fill(self) -> None:
        goal = [FULL * sum(c[d] for c in self.capacity) for d in (0, 1)]
        total = [0, 0]
        while total[0] < goal[0] and total[1] < goal[1]:
            app = self._application(len(self.applications))
            self.applications.append(app)
            for ordinal, at in enumerate(self._free_hosts(app), 1):
                for d in (0, 1):
                    self.used[at][d] += app.need[d]
                    total[d] += app.need[d]
                self.seats.append(
                    SeatFact(
                        f"{app.id}.{ordinal}", app.id, ordinal, f"h{at}", 1, SeatState.RUNNING, NOW
                    )
                )

    def _application(self, number: int) -> ApplicationFact:
        copies = self.rng.randint(1, 20)
        slots = tuple(SlotFact(n, 1) for n in range(1, copies + 1))
        need = self.rng.choice(self.pods)
        name = f"app{number}"
        return ApplicationFact(name, name, copies, need, self.rng.randint(0, 9), slots=slots)

    def _free_hosts(self, app: ApplicationFact) -> list[int]:
        found: list[int] = []
        for _ in range(40 * app.wanted):
            at = self.rng.randrange(len(self.capacity))
            fits = all(self.used[at][d] + app.need[d] <= self.capacity[at][d] for d in (0, 1))
            if fits and at not in found:
                found.append(at)
                if len(found) == app.wanted:
                    break
        return found

    def snapshot(self, lost: str) -> Snapshot:
        """What the scheduler is given: only the applications that are hit."""
        hosts = tuple(
            HostFact(
                id=f"h{at}",
                name=f"h{at}",
                datacenter=SITES[at % 3],
                rack=f"r{at // 3 // 40}",
                capacity=capacity,
                used=(self.used[at][0], self.used[at][1]),
                verdict=Verdict.LOST if SITES[at % 3] == lost else Verdict.ALIVE,
                replace=Replace.ALLOWED,
            )
            for at, capacity in enumerate(self.capacity)
        )
        gone = {host.id for host in hosts if host.verdict is Verdict.LOST}
        hit = {seat.application for seat in self.seats if seat.host in gone}
        return Snapshot(
            hosts,
            tuple(app for app in self.applications if app.id in hit),
            tuple(seat for seat in self.seats if seat.application in hit),
        )


def plain(snapshot: Snapshot, decision: Decision, sample: int) -> float:
    """Seconds that plain Python takes to place the first seats of the same list."""
    apps = {app.id: app for app in snapshot.applications}
    hosts = {h.id: h for h in snapshot.hosts if h.verdict is Verdict.ALIVE}
    free = {h.id: [c - u for c, u in zip(h.capacity, h.used, strict=True)] for h in hosts.values()}
    seated: dict[str, list[str]] = {}
    for seat in snapshot.seats:
        if seat.host in hosts:
            seated.setdefault(seat.application, []).append(seat.host)
    start = time.process_time()
    for place in decision.places[:sample]:
        need = apps[place.application].need
        mine = seated.setdefault(place.application, [])
        sites = [hosts[h].datacenter for h in mine]
        racks = [(hosts[h].datacenter, hosts[h].rack) for h in mine]
        best = min(
            (
                (
                    sites.count(h.datacenter),
                    racks.count((h.datacenter, h.rack)),
                    max(1 - f / c for f, c in zip(free[h.id], h.capacity, strict=True)),
                    h.id,
                )
                for h in hosts.values()
                if h.id not in mine and all(f >= n for f, n in zip(free[h.id], need, strict=True))
            ),
            default=None,
        )
        if best:
            mine.append(best[3])
            free[best[3]] = [f - n for f, n in zip(free[best[3]], need, strict=True)]
    return time.process_time() - start


def main(times: int) -> None:
    """Run the dense case once and print what it took."""
    world = World(times)
    snapshot = world.snapshot("PAR1")
    start = time.process_time()
    decision = decide(snapshot, NOW)
    spent = time.process_time() - start
    placed, missing = len(decision.places), len(decision.unplaced)
    sample = min(SAMPLE, placed)
    baseline = sample / plain(snapshot, decision, sample)
    rate = (placed + missing) / spent
    print(f"{world.source}: {len(snapshot.hosts):,} hosts, {len(world.seats):,} containers")
    print(f"orphans {placed + missing:,}: placed {placed:,}, without room {missing:,}")
    print(f"decided in {spent:.2f} CPU s: {rate:,.0f} placements/s")
    print(f"plain Python {baseline:,.0f} placements/s: {rate / baseline:.0f} times slower")


if __name__ == "__main__":
    main(1 if "--small" in sys.argv else 7)
