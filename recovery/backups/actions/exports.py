"""Exports are noted as their agents tell of them, and ended once nothing of them is there."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from recovery.audit.facts import Actor
from recovery.backups.exports import EXPORTED_FOR, Export, ExportState
from recovery.backups.models import Store
from recovery.core import transitions
from recovery.core.errors import Refused
from recovery.core.wire.backups import ExportResult
from recovery.inventory.models import Replica


def note_export(
    *,
    operation: UUID,
    act: str,
    replica: Replica,
    told: ExportResult,
    made_at: datetime,
    actor: Actor,
    reason: str,
    now: datetime,
) -> None:
    """In the caller's transaction; once, however often it is told."""
    if Export.objects.filter(operation=operation).exists():
        return
    store = Store.objects.filter(name=told.store).first()
    if store is None:
        raise Refused(f"It says that it is in {told.store}, which is no store.")
    row = Export(
        database=replica.database,
        store=store,
        operation=operation,
        act=act,
        replica=str(replica),
        host=replica.host.name,
        pieces=told.objects,
        bytes=told.bytes,
        plain=told.plain,
        files=told.files,
        digest=told.digest,
        said=told.said,
        made_at=made_at,
        ends_at=made_at + EXPORTED_FOR,
    )
    transitions.create([row], actor=actor, reason=reason, now=now)


def take_export_away(*, export: Export, actor: Actor, reason: str, now: datetime) -> Export:
    """It holds people's data: whoever takes it says why, before the first byte."""
    if not reason.strip():
        raise Refused("Say why: it holds people's data.", field="reason")
    if export.state != ExportState.KEPT:
        raise Refused("Nothing of it is left in its store.")
    return transitions.amend(
        export,
        {"taken": export.taken + 1},
        action="taken away",
        actor=actor,
        reason=reason,
        now=now,
    )


def end_exports(*, exports: Collection[UUID], actor: Actor, now: datetime) -> list[Export]:
    """Their stores were looked at, and have nothing of them."""
    return transitions.move_many(
        Export,
        {pk: {"gone_at": now} for pk in exports},
        ExportState.GONE,
        seen={ExportState.KEPT},
        actor=actor,
        reason=f"It is older than {EXPORTED_FOR.days} days, and nothing of it is left.",
        now=now,
    )
