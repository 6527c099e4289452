"""What agents say of restores: progress for people, never an outcome."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from recovery.core.wire.backups import RestoreFact
from recovery.restores.facts import UNFINISHED
from recovery.restores.models import Restore, RestoreSight


def hear_restores(*, host: UUID, facts: Sequence[RestoreFact], now: datetime) -> None:
    """The newest word of this host about the restores that it was given; what it says of others'
    has no effect (A3)."""
    if not facts:
        return
    own = Restore.objects.filter(host=host, phase__in=sorted(UNFINISHED))
    known = {str(pk): pk for pk in own.values_list("pk", flat=True)}
    told = {known[fact.restore]: fact for fact in facts if fact.restore in known}
    RestoreSight.objects.bulk_create(
        [_sight(pk, fact, now) for pk, fact in sorted(told.items())],
        update_conflicts=True,
        unique_fields=["restore"],
        update_fields=["at", "phase", "done", "total", "speed", "left_ms"],
    )


def _sight(restore: UUID, fact: RestoreFact, now: datetime) -> RestoreSight:
    return RestoreSight(
        restore_id=restore,
        at=now,
        phase=fact.phase[:40],
        done=fact.done,
        total=fact.total,
        speed=fact.speed,
        left_ms=fact.left_ms,
    )
