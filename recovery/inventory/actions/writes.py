"""What the writing users report: overwritten or added, never part of a decision's state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from recovery.inventory.models import WriteGap, WriteProbe

NAMED = 50
"""Lost numbers that a row names; their count is always whole."""


@dataclass(frozen=True, slots=True)
class WriteSight:
    """How writing to a database goes now."""

    database: UUID
    acknowledged: int
    last_ack_at: datetime | None
    gap_ms: float | None
    failing_since: datetime | None
    last_error: str
    lost: int
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class EndedGap:
    """A gap that is over, and which acknowledged numbers were missing afterwards."""

    database: UUID
    last_before: datetime
    first_after: datetime
    seconds: float
    after_number: int
    lost: tuple[int, ...]
    error: str


def note_writes(*, sights: Iterable[WriteSight], now: datetime) -> None:
    """Overwrite each database's newest word: one statement, no history, no audit entry."""
    rows = [
        WriteProbe(
            database_id=one.database,
            at=now,
            since=one.since,
            acknowledged=one.acknowledged,
            last_ack_at=one.last_ack_at,
            gap_ms=one.gap_ms,
            failing_since=one.failing_since,
            last_error=one.last_error[:500],
            lost=one.lost,
        )
        for one in sights
    ]
    fields = ["at", "since", "acknowledged", "last_ack_at", "gap_ms", "failing_since"]
    fields += ["last_error", "lost"]
    WriteProbe.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["database"], update_fields=fields
    )


def keep_gaps(*, gaps: Iterable[EndedGap]) -> None:
    """Add what is over: how long users waited, and what they lost."""
    WriteGap.objects.bulk_create(
        WriteGap(
            database_id=one.database,
            last_before=one.last_before,
            first_after=one.first_after,
            seconds=one.seconds,
            after_number=one.after_number,
            lost=len(one.lost),
            lost_numbers=list(one.lost[:NAMED]),
            error=one.error[:500],
        )
        for one in gaps
    )
