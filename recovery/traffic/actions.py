"""The only writer of outages and pulses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from django.db import transaction

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.traffic import queries
from recovery.traffic.facts import OutageState
from recovery.traffic.models import Outage, Pulse
from recovery.traffic.timeline import Rate


def open_outage(
    *,
    application: UUID,
    started_at: datetime,
    cause: str,
    actor: Actor,
    now: datetime,
    is_seen: bool = True,
) -> Outage:
    """Users get no answer from this application: since when, and what the edge said. `is_seen`
    false: nobody saw it answer before, so it may have begun earlier."""
    with transaction.atomic():
        there = Outage.objects.filter(application=application, state=OutageState.OPEN).first()
        if there is not None:
            return there
        outage = Outage(
            application_id=application,
            started_at=started_at,
            is_begin_seen=is_seen,
            cause=cause[:500],
            incident_id=queries.incident_of(application),
        )
        transitions.create([outage], actor=actor, reason=cause, now=now)
    return outage


def end_outage(
    *,
    application: UUID,
    ended_at: datetime,
    reason: str,
    actor: Actor,
    now: datetime,
    is_seen: bool = True,
) -> list[Outage]:
    """It answers again, or (`is_seen` false) cannot be asked any more: it lasted at least until
    then. Telling it twice changes nothing."""
    with transaction.atomic():
        rows = Outage.objects.filter(application=application, state=OutageState.OPEN)
        changes = {
            row.pk: {
                "ended_at": max(ended_at, row.started_at),
                "is_end_seen": is_seen,
                "incident": row.incident_id or queries.incident_of(application),
            }
            for row in rows
        }
        return transitions.move_many(
            Outage, changes, OutageState.ENDED, actor=actor, reason=reason, now=now
        )


def note_pulses(
    *,
    rates: Mapping[UUID, Rate],
    now: datetime,
    since: Mapping[UUID, datetime] = MappingProxyType({}),
) -> None:
    """Overwrite each application's pulse: one statement, no history, no audit entry. `since`: when
    the prober began to see an application without a break."""
    rows = [
        Pulse(
            application_id=application,
            at=now,
            since=since.get(application),
            asked=rate.asked,
            answered=rate.answered,
            unknown=rate.unknown,
            latency_ms=rate.latency_ms,
            last=str(rate.last),
        )
        for application, rate in rates.items()
    ]
    Pulse.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["application"],
        update_fields=["at", "since", "asked", "answered", "unknown", "latency_ms", "last"],
    )
