"""Whom to ask about a host in doubt: healthy observers spread over other failure domains. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from recovery.detection.facts import HostSight, Look
from recovery.detection.policy import Policy
from recovery.detection.sights import Roster
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
    pool = _pool(roster, heard)
    looks = (Look(host.host, choose_observers(host, pool, policy)) for host in asked)
    return tuple(look for look in looks if look.observers)


def _is_due(host: HostSight, looked: Mapping[str, float], policy: Policy, now: float) -> bool:
    if host.silence < policy.look_after:
        return False
    brief = host.verdict in (Verdict.ALIVE, Verdict.SUSPECT)
    every = policy.relook_every if brief else policy.settled_relook_every
    return now - looked.get(host.host, -np.inf) >= every


Pool = Mapping[str, Mapping[frozenset[str], tuple[str, ...]]]
"""Healthy hosts by datacenter and set of failure domains."""


def _pool(roster: Roster, heard: NDArray[np.bool_]) -> Pool:
    found: dict[str, dict[frozenset[str], list[str]]] = {}
    for at in np.flatnonzero(heard).tolist():
        rack = found.setdefault(roster.datacenters[at], {}).setdefault(roster.domains[at], [])
        rack.append(roster.hosts[at])
    return {
        place: {domains: tuple(members) for domains, members in racks.items()}
        for place, racks in found.items()
    }


def choose_observers(host: HostSight, pool: Pool, policy: Policy) -> tuple[str, ...]:
    """One per failure domain, datacenters taking turns, the host's own first and last of all.

    The choice is steady for a host (rendezvous by checksum), so that answers renew one another.
    """
    lanes = []
    for place in sorted(pool, key=lambda name: (name != host.datacenter, _draw(host.host, name))):
        racks = [domains for domains in pool[place] if not domains & host.domains]
        racks.sort(key=lambda domains: _draw(host.host, *sorted(domains)))
        members = [_favourite(host.host, pool[place][domains]) for domains in racks]
        if members:
            lanes.append(members)
    chosen: list[str] = []
    depth = 0
    while len(chosen) < policy.observers and any(len(lane) > depth for lane in lanes):
        chosen.extend(lane[depth] for lane in lanes if len(lane) > depth)
        depth += 1
    return tuple(one for one in chosen if one != host.host)[: policy.observers]


def _favourite(host: str, members: tuple[str, ...]) -> str:
    start = _draw(host) % len(members)
    return members[start]


def _draw(*parts: str) -> int:
    return zlib.crc32("/".join(parts).encode())
