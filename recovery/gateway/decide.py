"""Who watches whom: rendezvous hashing, so that a host that comes or goes moves few watches."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

OBSERVERS = 5
ELSEWHERE = 3
"""Of the observers of a host, at least this many stand in other datacenters, where there are."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """A host as an observer or a target."""

    host: str
    datacenter: str
    rack: str


def choose_observers(target: Watcher, fleet: Sequence[Watcher]) -> tuple[str, ...]:
    """The hosts that probe `target`: never of its own rack while others exist.

    The best `ELSEWHERE` by hash from other datacenters first, then the best of the rest.
    """
    ranked = sorted(
        (w for w in fleet if w.host != target.host), key=lambda w: _score(target.host, w.host)
    )
    away = [w for w in ranked if w.datacenter != target.datacenter]
    near = [w for w in ranked if w.datacenter == target.datacenter and w.rack != target.rack]
    own = [w for w in ranked if w.datacenter == target.datacenter and w.rack == target.rack]
    chosen = away[:ELSEWHERE]
    for candidate in [*near, *away[ELSEWHERE:], *own]:
        if len(chosen) == OBSERVERS:
            break
        chosen.append(candidate)
    return tuple(w.host for w in chosen)


def watches(fleet: Sequence[Watcher]) -> dict[str, list[str]]:
    """observer → the hosts that it probes."""
    plan: dict[str, list[str]] = {w.host: [] for w in fleet}
    for target in fleet:
        for observer in choose_observers(target, fleet):
            plan[observer].append(target.host)
    return plan


def _score(target: str, observer: str) -> bytes:
    return hashlib.blake2b(f"{target}|{observer}".encode(), digest_size=8).digest()
