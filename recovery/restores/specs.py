"""What an agent is told of a restore. Keys and credentials are named and never sent."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings

from recovery.backups.models import BackupReplica
from recovery.backups.specs import store_spec
from recovery.core.wire.backups import RestoreSpec
from recovery.operations.models import Operation


def restore_spec(op: Operation) -> RestoreSpec | None:
    """Of an operation about a restore; None for every other one."""
    name = op.params.get("restore")
    if not name:
        return None
    source = op.params.get("source")
    row = BackupReplica.objects.select_related("store").get(pk=UUID(source)) if source else None
    return RestoreSpec(
        restore=str(name),
        store=store_spec(row.store) if row else None,
        key=str(settings.TOCSIN_BACKUP_KEY),
        to=int(op.params.get("to", 0)),
        scratch=bool(op.params.get("scratch", False)),
    )
