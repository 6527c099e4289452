"""Which of the hosts that may take a seat is best.

Soft wishes in this order: the datacenter with the fewest seats of the application, the rack
with the fewest, then the least loaded host, where one that others need for its labels counts as
fuller than it is. Ties go to the first in the fleet's order, so that the same facts always give
the same seat.
"""

from __future__ import annotations

import numpy as np

from recovery.scheduling.facts import ApplicationFact
from recovery.scheduling.feasible import feasible
from recovery.scheduling.fleet import Fleet

RACK = 1_000.0
"""What one more seat in a rack weighs against load, a share of about 0 to 1."""
LABELLED = 0.5
"""What it weighs that others need a host's labels: it counts as half fuller than it is, so that
room is left there for them (docs/decisions/2026-11-30-hosts-that-others-need.md)."""


def best_host(
    fleet: Fleet, app: ApplicationFact, avoid: frozenset[str] = frozenset()
) -> int | None:
    """The index of the best host, or None if nothing fits. `avoid` is a wish, not a ban."""
    if avoid:
        kept = fleet.open.copy()
        fleet.open[[fleet.index[host] for host in avoid if host in fleet.index]] = False
        at = best_host(fleet, app)
        fleet.open = kept
        if at is not None:
            return at
    seated = fleet.seated.get(app.id, set())
    for name in _datacenters_by_wish(fleet, seated):
        at = _best_within(fleet, app, fleet.datacenters[name], seated)
        if at is not None:
            return at
    return None


def _datacenters_by_wish(fleet: Fleet, seated: set[int]) -> list[str]:
    """Fewest seats of the application first, then least loaded, then by name."""
    held = dict.fromkeys(fleet.datacenters, 0)
    for at in seated:
        held[fleet.hosts[at].datacenter] += 1
    return sorted(held, key=lambda name: (held[name], _mean_load(fleet, name), name))


def _mean_load(fleet: Fleet, name: str) -> float:
    within = fleet.datacenters[name]
    size: int = within.stop - within.start
    return fleet.site_load[name] / size


def _best_within(fleet: Fleet, app: ApplicationFact, within: slice, seated: set[int]) -> int | None:
    fits = feasible(fleet, app, within)
    score = np.where(fits, fleet.load[within], np.inf)
    score += LABELLED * fleet.wanted_by_others(app.labels)[within]
    start, stop = within.start, within.stop
    for at in seated:
        if start <= at < stop:
            host = fleet.hosts[at]
            rack = fleet.racks[(host.datacenter, host.rack)]
            score[rack.start - start : rack.stop - start] += RACK
    best = int(score.argmin())
    return start + best if fits[best] else None
