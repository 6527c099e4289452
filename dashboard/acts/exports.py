"""Taking an export away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

from recovery.audit.facts import Actor
from recovery.backups.actions import take_export_away
from recovery.backups.cycle import open_store
from recovery.backups.exports import Export
from recovery.backups.taking import listed, tar_of
from recovery.core import clock


def take(pk: UUID, actor: Actor, reason: str) -> AsyncIterator[bytes]:
    """Looked at first, so that nobody is noted as having what is not there."""
    row = Export.objects.select_related("database", "store").get(pk=pk)
    found = listed(row, open_store(row.store))
    take_export_away(export=row, actor=actor, reason=reason, now=clock.system.now())
    return tar_of(row, found, open_store(row.store))
