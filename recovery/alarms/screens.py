"""Alarms as people see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recovery.alarms.facts import AlarmState, DeliveryState
from recovery.alarms.models import Alarm, Delivery


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


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """One message of an alarm to one channel, with its receipt."""

    alarm: str
    channel: str
    kind: str
    subject: str
    state: str
    attempts: int
    queued_at: datetime
    accepted_at: datetime | None
    receipt: str
    last_error: str

    @property
    def tone(self) -> str:
        """Grey when it arrived; at risk while it is tried again; down when nobody was told."""
        if self.state == DeliveryState.ACCEPTED:
            return ""
        if self.state == DeliveryState.GIVEN_UP:
            return "down"
        return "risk" if self.last_error else ""

    @property
    def word(self) -> str:
        """What became of it."""
        if self.state == DeliveryState.ACCEPTED:
            return "accepted"
        if self.state == DeliveryState.GIVEN_UP:
            return f"given up after {self.attempts} attempts"
        return "tried again" if self.last_error else "on its way"


def deliveries_of(incident: int) -> tuple[DeliveryView, ...]:
    """Every message about this incident, the newest first."""
    rows = (
        Delivery.objects.filter(alarm__incident__number=incident)
        .select_related("alarm", "channel")
        .order_by("-queued_at", "-pk")
    )
    return tuple(
        DeliveryView(
            alarm=row.alarm.title,
            channel=row.channel.name,
            kind=row.channel.kind,
            subject=row.subject,
            state=row.state,
            attempts=row.attempts,
            queued_at=row.queued_at,
            accepted_at=row.accepted_at,
            receipt=row.receipt,
            last_error=row.last_error,
        )
        for row in rows[:50]
    )
