"""Alarms as people see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recovery.alarms.facts import AlarmState
from recovery.alarms.models import Alarm


@dataclass(frozen=True, slots=True)
class AlarmView:
    """An alarm that has not ended."""

    id: str
    key: str
    severity: str
    state: str
    incident: int | None
    title: str
    body: str
    raised_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str

    @property
    def rings(self) -> bool:
        """Nobody has it, and it is one for which people are woken."""
        return self.state == AlarmState.RAISED and self.severity == "page"


def unended_alarms() -> tuple[AlarmView, ...]:
    """The newest first."""
    rows = Alarm.objects.exclude(state=AlarmState.ENDED).select_related("incident")
    return tuple(
        AlarmView(
            id=str(row.pk),
            key=row.key,
            severity=row.severity,
            state=row.state,
            incident=row.incident.number if row.incident else None,
            title=row.title,
            body=row.body,
            raised_at=row.raised_at,
            acknowledged_at=row.acknowledged_at,
            acknowledged_by=row.acknowledged_by,
        )
        for row in rows.order_by("-raised_at", "pk")
    )
