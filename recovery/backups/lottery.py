"""Which backup replica is restored next, to prove that it can be. Pure; the draw is handed in.

Invariant: while two turns for each replica fit into the time within which each has to be proven,
none ever waits longer than that (one turn, while no test fails): as soon as the replicas that come
due leave no turn to give away, the one that is due first goes first. Else it is drawn, heavier by
its age and its size. What failed takes at most every second turn until it passes, also what fails
from now on: nothing else waits for it to be mended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log2


@dataclass(frozen=True, slots=True)
class Ticket:
    """A replica that could be restored now; `since`: its last proof or, where it `is_new` and was
    never proven, its beginning. `failed_at`: a test of it failed or was void then, and none passed
    after it."""

    key: str
    since: datetime
    bytes: int
    failed_at: datetime | None = None
    is_new: bool = False


def choose(
    tickets: Sequence[Ticket], *, now: datetime, draw: float, every: timedelta, within: timedelta
) -> Ticket | None:
    """The next one. `draw` in [0, 1); `every`: from one turn to the next."""
    failed = sorted((one.failed_at, one.key, one) for one in tickets if one.failed_at)
    by_due = sorted(
        (one for one in tickets if not one.failed_at), key=lambda one: (one.since, one.key)
    )
    rested = not by_due or not failed or now - failed[-1][0] >= 2 * every
    if failed and rested and now - failed[0][0] >= 2 * len(failed) * every:
        return failed[0][2]
    if not by_due:
        return None
    for place, one in enumerate(by_due, start=1):
        if one.since + within - now < 2 * (place + 1) * every:
            return by_due[0]
    weights = [_weight(one, now) for one in by_due]
    left = draw * sum(weights)
    for one, weight in zip(by_due, weights, strict=True):
        left -= weight
        if left < 0:
            return one
    return by_due[-1]


def _weight(ticket: Ticket, now: datetime) -> float:
    """Days since its last proof, times a little more for what is large."""
    days = max(0.0, (now - ticket.since).total_seconds() / 86_400)
    return (days + 0.01) * (1 + log2(1 + ticket.bytes / 1024**3))
