"""The hosts as arrays, and what has been given away so far in this round.

Invariant: `free` never counts a unit twice: what `take` reserved is gone for every later seat.
Hosts are sorted by datacenter, rack and name, so that a datacenter and a rack are slices.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from enum import StrEnum
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from recovery.inventory.facts import Verdict
from recovery.scheduling.facts import ApplicationFact, HostFact, SeatFact, Snapshot, Vector

Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]
Shares = NDArray[np.float64]
K = TypeVar("K", bound=Hashable)


class Ban(StrEnum):
    """Why a host takes nothing at all, whatever its room. What is said of one is the first."""

    OUTSIDE = "outside of the plan"
    VERDICT = "not alive"
    QUARANTINE = "in quarantine"
    DEAF = "taking no orders"
    DRAIN = "draining"
    CORDON = "cordoned"


class Fleet:
    """Working state of one decision; built from a snapshot, changed by `take` only."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.hosts: list[HostFact] = sorted(snapshot.hosts, key=_position)
        self.index = {host.id: at for at, host in enumerate(self.hosts)}
        shape = (len(snapshot.dimensions), len(self.hosts))
        self.capacity: Numbers = _columns([h.capacity for h in self.hosts], shape)
        self.free: Numbers = self.capacity - _columns([h.used for h in self.hosts], shape)
        self.share: Shares = 1.0 - self.free / np.maximum(self.capacity, 1)
        self.load: Shares = self.share.max(axis=0, initial=0.0)
        self.bans = {ban: self._flags(ban) for ban in Ban}
        self.open: Flags = ~np.logical_or.reduce(list(self.bans.values()))
        self.datacenters = _slices([h.datacenter for h in self.hosts])
        self.site_load = {
            name: float(self.load[within].sum()) for name, within in self.datacenters.items()
        }
        self.racks = _slices([(h.datacenter, h.rack) for h in self.hosts])
        self.seated = self._seated(snapshot.seats)
        self._asked = snapshot.asked
        self._labelled: dict[frozenset[str], Flags] = {}
        self._wanted: dict[frozenset[str], Flags] = {}

    def _flags(self, ban: Ban) -> Flags:
        tests = {
            Ban.OUTSIDE: lambda host: host.outside,
            Ban.VERDICT: lambda host: host.verdict is not Verdict.ALIVE,
            Ban.QUARANTINE: lambda host: host.quarantined,
            Ban.DEAF: lambda host: host.deaf,
            Ban.DRAIN: lambda host: host.draining,
            Ban.CORDON: lambda host: host.cordoned,
        }
        return np.fromiter(map(tests[ban], self.hosts), dtype=np.bool_, count=len(self.hosts))

    def _seated(self, seats: Iterable[SeatFact]) -> dict[str, set[int]]:
        """Per application the hosts that hold, or may still run, a seat of it."""
        seated: dict[str, set[int]] = defaultdict(set)
        for seat in seats:
            seated[seat.application].add(self.index[seat.host])
        return seated

    def labelled(self, labels: frozenset[str]) -> Flags:
        """Hosts that carry all of these labels."""
        known = self._labelled.get(labels)
        if known is None:
            known = np.fromiter(
                (labels <= host.labels for host in self.hosts), np.bool_, len(self.hosts)
            )
            self._labelled[labels] = known
        return known

    def wanted_by_others(self, labels: frozenset[str]) -> Flags:
        """Hosts with a label that some application needs, and one with these does not."""
        known = self._wanted.get(labels)
        if known is None:
            asked = self._asked - labels
            known = np.fromiter(
                (bool(asked & host.labels) for host in self.hosts), np.bool_, len(self.hosts)
            )
            self._wanted[labels] = known
        return known

    def take(self, app: ApplicationFact, at: int) -> None:
        """Reserve a seat of this application on the host at this index."""
        self.free[:, at] -= app.need
        self.share[:, at] = 1.0 - self.free[:, at] / np.maximum(self.capacity[:, at], 1)
        before = float(self.load[at])
        self.load[at] = after = float(self.share[:, at].max())
        self.site_load[self.hosts[at].datacenter] += after - before
        self.seated[app.id].add(at)


def _position(host: HostFact) -> tuple[str, str, str, str]:
    return (host.datacenter, host.rack, host.name, host.id)


def _columns(vectors: list[Vector], shape: tuple[int, int]) -> Numbers:
    """Vectors as columns: one contiguous row per dimension."""
    if not vectors:
        return np.zeros(shape, dtype=np.int64)
    return np.ascontiguousarray(np.array(vectors, dtype=np.int64).T)


def _slices(keys: list[K]) -> dict[K, slice]:
    """Where each run of equal keys begins and ends."""
    edges = [0, *(at for at, (a, b) in enumerate(pairwise(keys), 1) if a != b), len(keys)]
    return {keys[start]: slice(start, end) for start, end in pairwise(edges) if end > start}
