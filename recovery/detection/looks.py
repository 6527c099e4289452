"""Whom to ask about a host in doubt: healthy observers spread over other failure domains. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from recovery.detection.facts import HostSight, Look
from recovery.detection.policy import Policy
from recovery.detection.sights import Rack, Roster
from recovery.inventory.facts import Verdict


def choose_looks(
    hosts: Sequence[HostSight],
    roster: Roster,
    heard: NDArray[np.bool_],
    looked: Mapping[str, float],
    *,
    policy: Policy,
    now: float,
) -> tuple[Look, ...]:
    """At most `looks_per_tick`, those asked about least recently first."""
    due = [host for host in hosts if _is_due(host, looked, policy, now)]
    due.sort(key=lambda host: (looked.get(host.host, -np.inf), host.silence, host.host))
    asked = due[: policy.looks_per_tick]
    if not asked:
        return ()
    counts = np.bincount(roster.place_codes[heard], minlength=len(roster.places))
    living = frozenset(name for name, count in zip(roster.places, counts, strict=True) if count)
    looks = (
        Look(host.host, choose_observers(host, roster, heard, living, policy)) for host in asked
    )
    return tuple(look for look in looks if look.observers)


def _is_due(host: HostSight, looked: Mapping[str, float], policy: Policy, now: float) -> bool:
    if host.silence < policy.look_after:
        return False
    brief = host.verdict in (Verdict.ALIVE, Verdict.SUSPECT)
    every = policy.relook_every if brief else policy.settled_relook_every
    return now - looked.get(host.host, -np.inf) >= every


def choose_observers(
    host: HostSight,
    roster: Roster,
    heard: NDArray[np.bool_],
    living: frozenset[str],
    policy: Policy,
) -> tuple[str, ...]:
    """One per failure domain, datacenters taking turns, the host's own first. `living`: those with
    anybody who is heard.

    The choice is steady for a host (a rotation by checksum), so that answers renew one another.
    """
    turn = zlib.crc32(host.host.encode())
    places = sorted(roster.racks)
    start = turn % len(places) if places else 0
    places = [*places[start:], *places[:start]]
    places.sort(key=lambda name: name != host.datacenter)
    lanes = [
        _lane(host, roster.racks[place], turn, roster, heard) for place in places if place in living
    ]
    chosen: list[str] = []
    while lanes and len(chosen) < policy.observers:
        found = [(lane, next(lane, None)) for lane in lanes[: policy.observers]]
        chosen.extend(one for _, one in found if one is not None)
        spent = [lane for lane, one in found if one is None]
        lanes = [lane for lane in lanes if lane not in spent]
    return tuple(chosen[: policy.observers])


def _lane(
    host: HostSight, racks: Sequence[Rack], turn: int, roster: Roster, heard: NDArray[np.bool_]
) -> Iterator[str]:
    """One healthy host of each rack of a datacenter that shares nothing with the host."""
    for step in range(len(racks)):
        domains, members = racks[(turn + step) % len(racks)]
        if domains & host.domains:
            continue
        for number in range(len(members)):
            at = members[(turn + number) % len(members)]
            if heard[at] and roster.hosts[at] != host.host:
                yield roster.hosts[at]
                break
