"""What an agent is told of a restore. Keys and credentials are named and never sent."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from django.conf import settings

from recovery.backups.facts import StoreKind
from recovery.backups.models import BackupReplica, Loan
from recovery.backups.specs import store_spec
from recovery.core.wire.backups import RestoreSpec, StoreSpec
from recovery.operations.models import Operation


def restore_spec(op: Operation) -> RestoreSpec | None:
    """Of an operation about a restore; None for every other one."""
    name = str(op.params.get("restore") or "")
    if not name:
        return None
    source = op.params.get("source")
    row = BackupReplica.objects.select_related("store").get(pk=UUID(source)) if source else None
    return RestoreSpec(
        restore=name,
        store=_store_spec(row, UUID(name)) if row else None,
        key=str(settings.TOCSIN_BACKUP_KEY),
        to=int(op.params.get("to", 0)),
        scratch=bool(op.params.get("scratch", False)),
    )


def _store_spec(row: BackupReplica, borrower: UUID) -> StoreSpec:
    """A snapshot is read as the folder in which the volume appears that was made of it."""
    if row.store.kind != StoreKind.SNAPSHOT:
        return store_spec(row.store)
    volume = Loan.objects.filter(borrower=borrower).values_list("volume", flat=True).first()
    folder = Path(row.store.credentials.get("mounts", "")) / (volume or "none")
    return StoreSpec(name=row.store.name, kind="folder", folder=str(folder))
