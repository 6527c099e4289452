"""The arrays that ten thousand hosts stand in, and what is carried from tick to tick. Pure.

Invariant: a `Roster`, a `Sights` and a `Memory` handed in together list the same hosts in the
same order; `align` makes it so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from recovery.detection.facts import Anchor, Gateway, Kernel
from recovery.inventory.facts import Replace, Verdict

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Boots = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Seen:
    """A sighting as the gateway has it: who looked, what it met, when the look began (age)."""

    observer: str
    kernel: Kernel
    answering: int
    asked: int
    age: float


@dataclass(frozen=True, slots=True, eq=False)
class Sights:
    """The gateways' digest at one instant; the controller fills it.

    `ages`: seconds since each host's last heartbeat as of now (digest age added), the least over
    all gateways; not finite if none came since they started. `boots`: first 8 bytes of the boot
    id, 0 if none. `seen`: the newest sighting per observer, by target; others may be absent.
    `pause`: how long whoever takes the digests stood still since the last look; None: unknown,
    then the time since our own last tick stands for it.
    """

    hosts: tuple[str, ...]
    ages: Floats
    boots: Boots
    seen: Mapping[str, Sequence[Seen]]
    gateways: tuple[Gateway, ...]
    anchors: tuple[Anchor, ...] = ()
    pause: float | None = None


Rack = tuple[frozenset[str], tuple[int, ...]]
"""Hosts (by index) that share the same failure domains."""


@dataclass(frozen=True, slots=True, eq=False)
class Roster:
    """The hosts that are watched; changes when hosts come and go, not when verdicts do.

    `domains`: qualified failure domains smaller than a datacenter. `regions`: by datacenter.
    """

    hosts: tuple[str, ...]
    names: tuple[str, ...]
    datacenters: tuple[str, ...]
    domains: tuple[frozenset[str], ...]
    regions: Mapping[str, str] = field(default_factory=dict)
    index: Mapping[str, int] = field(default_factory=dict)
    places: tuple[str, ...] = ()
    place_codes: Codes = field(default_factory=lambda: np.zeros(0, np.int64))
    place_sizes: Mapping[str, int] = field(default_factory=dict)
    domain_sizes: Mapping[str, int] = field(default_factory=dict)
    racks: Mapping[str, tuple[Rack, ...]] = field(default_factory=dict)

    @staticmethod
    def of(
        hosts: Sequence[str],
        names: Sequence[str],
        datacenters: Sequence[str],
        domains: Sequence[frozenset[str]],
        *,
        regions: Mapping[str, str] | None = None,
    ) -> Roster:
        """With lookups; a host without a smaller domain has its datacenter as one."""
        places = tuple(sorted(set(datacenters)))
        code = {name: at for at, name in enumerate(places)}
        filled = tuple(own or frozenset({dc}) for own, dc in zip(domains, datacenters, strict=True))
        return Roster(
            hosts=tuple(hosts),
            names=tuple(names),
            datacenters=tuple(datacenters),
            domains=filled,
            regions=regions or {},
            index={host: at for at, host in enumerate(hosts)},
            places=places,
            place_codes=np.array([code[name] for name in datacenters], dtype=np.int64),
            place_sizes=Counter(datacenters),
            domain_sizes=Counter(name for own in filled for name in own),
            racks=_racks(datacenters, filled),
        )


def _racks(
    datacenters: Sequence[str], domains: Sequence[frozenset[str]]
) -> dict[str, tuple[Rack, ...]]:
    found: dict[str, dict[frozenset[str], list[int]]] = {}
    for at, (place, own) in enumerate(zip(datacenters, domains, strict=True)):
        found.setdefault(place, {}).setdefault(own, []).append(at)
    return {
        place: tuple((own, tuple(racks[own])) for own in sorted(racks, key=sorted))
        for place, racks in sorted(found.items())
    }


@dataclass(frozen=True, slots=True)
class Standing:
    """What a host's row says while it is not simply alive. `age`: seconds since this process first
    saw the verdict; `is_settled`: a leader saw it stand for the guard's whole window."""

    verdict: Verdict
    age: float
    replace: Replace = Replace.NONE
    is_settled: bool = False


ALIVE = Standing(Verdict.ALIVE, float("inf"))


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """What one tick leaves to the next. Losing it costs a regrace, never a fact.

    `begun`: when watching began. `gap_at`: the last tick gap of our own that was too long.
    `heard_since`: start of each host's unbroken run of heartbeats, NaN without one.
    `boots`: which boot each host was in while it was last heard and alive, 0 if not known.
    `returns`: instants at which a host came back. `gone`: when each recent loss was declared.
    """

    begun: float
    ticked: float
    gap_at: float = -np.inf
    hosts: tuple[str, ...] = ()
    heard_since: Floats = field(default_factory=lambda: np.zeros(0))
    boots: Boots = field(default_factory=lambda: np.zeros(0, np.uint64))
    looked: Mapping[str, float] = field(default_factory=dict)
    returns: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    gone: Mapping[str, float] = field(default_factory=dict)

    @staticmethod
    def fresh(now: float) -> Memory:
        """At a start, a new leadership, or a new identity of the database (B3)."""
        return Memory(begun=now, ticked=now)


def align(roster: Roster, sights: Sights, memory: Memory) -> tuple[Sights, Memory]:
    """Both in the roster's order; unknown hosts dropped, missing ones as never heard."""
    if sights.hosts != roster.hosts:
        sights = replace(
            sights,
            hosts=roster.hosts,
            ages=_pick(roster, sights.hosts, sights.ages, np.nan),
            boots=_pick_boots(roster, sights.hosts, sights.boots),
        )
    if memory.hosts != roster.hosts:
        since = _pick(roster, memory.hosts, memory.heard_since, np.nan)
        boots = _pick_boots(roster, memory.hosts, memory.boots)
        memory = replace(memory, hosts=roster.hosts, heard_since=since, boots=boots)
    return sights, memory


def _pick(roster: Roster, hosts: tuple[str, ...], values: Floats, missing: float) -> Floats:
    picked = np.full(len(roster.hosts), missing)
    for host, value in zip(hosts, values, strict=True):
        at = roster.index.get(host)
        if at is not None:
            picked[at] = value
    return picked


def _pick_boots(roster: Roster, hosts: tuple[str, ...], values: Boots) -> Boots:
    picked = np.zeros(len(roster.hosts), dtype=np.uint64)
    for host, value in zip(hosts, values, strict=True):
        at = roster.index.get(host)
        if at is not None:
            picked[at] = value
    return picked


def silences(sights: Sights, begun_ago: float) -> Floats:
    """Seconds without a heartbeat; never more than we have watched if none ever came."""
    return np.where(np.isfinite(sights.ages), sights.ages, begun_ago)


def follow(memory: Memory, silence: Floats, heard: NDArray[np.bool_], now: float) -> Floats:
    """`heard_since` after this tick: a run goes on, begins with the first beat, or has ended."""
    begins = np.isnan(memory.heard_since) & heard
    since = np.where(begins, now - silence, memory.heard_since)
    return np.where(heard, since, np.nan)
