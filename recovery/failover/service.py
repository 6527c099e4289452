"""What this month's outages used of a database's service level, as its writing user saw. Pure.

Invariant: counted like applications' outages: from the last acknowledged write to the first one
after it, overlaps once, clipped to the calendar month; an open one counts until now. Where nobody
writes as a user does, nothing is known and nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from recovery.inventory.facts import Plan

AVAILABILITY = {Plan.BUSINESS: 0.9995, Plan.STARTER: 0.995}
"""22 minutes and 3.6 hours of a month of 30 days."""


@dataclass(frozen=True, slots=True)
class Service:
    """Seconds of this month: `allowed` by the plan, `used` so far. `whole_since`: from when on
    nothing was missed, where that was after its first moment: before that `used` is a floor."""

    allowed: float
    used: float
    is_measured: bool
    whole_since: datetime | None = None

    @property
    def left(self) -> float:
        return max(0.0, self.allowed - self.used)

    @property
    def is_spent(self) -> bool:
        return self.is_measured and self.used > self.allowed


UNMEASURED = Service(0.0, 0.0, is_measured=False)


def first_of_month(now: datetime) -> datetime:
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def service_of(
    plan: Plan,
    gaps: Iterable[tuple[datetime, datetime]],
    failing_since: datetime | None,
    now: datetime,
    *,
    is_measured: bool,
    since: datetime | None = None,
) -> Service:
    """`gaps`: (last write before, first one after); `failing_since`: of the one that lasts;
    `since`: when its user began, and missed no moment from then on."""
    first = first_of_month(now)
    year, month = divmod(first.year * 12 + first.month, 12)
    following = first.replace(year=year, month=month + 1)
    spans = [*gaps, *(((failing_since, now),) if failing_since else ())]
    used, upto = 0.0, first
    for began, ended in sorted(spans):
        begins, ends = max(began, upto), min(ended, now)
        if ends > begins:
            used += (ends - begins).total_seconds()
            upto = ends
    allowed = (1 - AVAILABILITY[plan]) * (following - first).total_seconds()
    whole_since = since if since is not None and since > first else None
    return Service(allowed, used, is_measured, whole_since)
