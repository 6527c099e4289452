"""Exports as people see them: rows alone, never the hour."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from recovery.backups.exports import Export, ExportState


@dataclass(frozen=True, slots=True)
class ExportView:
    """What a returned copy held beyond its primary, sealed in `store` until `ends_at`. `digest`: of
    its objects; `taken`: how often somebody took it away; `is_there`: whether anybody still can, as
    far as anybody looked. The API gives it as it is."""

    id: UUID
    database: str
    replica: str
    host: str
    store: str
    made_at: datetime
    ends_at: datetime
    bytes: int
    plain: int
    files: int
    said: str
    digest: str
    taken: int
    is_there: bool

    @property
    def file(self) -> str:
        """How it is called where a person takes it to."""
        return f"{self.database}-{self.made_at:%Y%m%dT%H%M%SZ}.export.tar"


def exports_of(databases: Collection[UUID]) -> Mapping[UUID, tuple[ExportView, ...]]:
    """By database, the newest first."""
    found: dict[UUID, tuple[ExportView, ...]] = {}
    rows = Export.objects.filter(database__in=databases).select_related("database", "store")
    for row in rows:
        found[row.database_id] = (*found.get(row.database_id, ()), _view(row))
    return found


def there_of(databases: Collection[UUID]) -> tuple[ExportView, ...]:
    """Those that can still be taken away."""
    return tuple(one for each in exports_of(databases).values() for one in each if one.is_there)


def _view(row: Export) -> ExportView:
    return ExportView(
        row.pk,
        row.database.name,
        row.replica,
        row.host,
        row.store.name,
        row.made_at,
        row.ends_at,
        row.bytes,
        row.plain,
        row.files,
        row.said,
        row.digest,
        row.taken,
        is_there=row.state == ExportState.KEPT,
    )
