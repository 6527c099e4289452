"""How each application answers now and what this month's outages have used, as people see it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from recovery.inventory.models import Application
from recovery.traffic import queries
from recovery.traffic.facts import OutageFact
from recovery.traffic.levels import month_of, standing_of
from recovery.traffic.models import Outage


@dataclass(frozen=True, slots=True)
class Service:
    """What users get of an application. `used`: seconds of this month's outages that are over;
    one that lasts is named by `out_since` and counts on where it is read.
    Never probed: not `is_measured`, and no zero is shown."""

    level: str
    allowed: float
    used: float
    out_since: datetime | None
    answer_rate: float | None
    latency_ms: float | None
    is_measured: bool

    @property
    def left(self) -> float:
        """Seconds that may still be used; below zero the promise is broken."""
        return self.allowed - self.used

    @property
    def percent(self) -> str:
        """The live answer rate as people write it; empty when nobody knows."""
        return "" if self.answer_rate is None else f"{100 * self.answer_rate:.0f} %"

    @property
    def bar(self) -> float:
        """How much of the allowance is used, in percent, at most 100."""
        return round(min(100.0, 100 * self.used / self.allowed), 1) if self.allowed else 0.0


def services(now: datetime) -> dict[str, Service]:
    """By application name: three queries whatever their number."""
    first, _ = month_of(now)
    ended: dict[UUID, list[OutageFact]] = defaultdict(list)
    lasting: dict[UUID, datetime] = {}
    rows = Outage.objects.filter(Q(ended_at=None) | Q(ended_at__gt=first))
    for application, began, over in rows.values_list("application", "started_at", "ended_at"):
        if over is None:
            lasting[application] = began
        else:
            ended[application].append(OutageFact(str(application), began, over))
    live = queries.live_answers(now)
    found = {}
    for pk, name, copies in Application.objects.values_list("pk", "name", "copies"):
        standing = standing_of(copies, ended[pk], now)
        found[name] = Service(
            level=standing.level,
            allowed=standing.allowed,
            used=standing.used,
            out_since=lasting.get(pk),
            answer_rate=live[pk].answer_rate,
            latency_ms=live[pk].latency_ms,
            is_measured=live[pk].seen_at is not None,
        )
    return found
