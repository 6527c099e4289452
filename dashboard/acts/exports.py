"""Exports of a database: listed, and taken away. The same for pages and API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse

from recovery.audit.facts import Actor
from recovery.backups.actions import take_export_away
from recovery.backups.cycle import open_store
from recovery.backups.exported import ExportView, exports_of
from recovery.backups.exports import Export
from recovery.backups.taking import listed, tar_of
from recovery.core import clock
from recovery.core.errors import Missing
from recovery.inventory.models import Database


def of(name: str) -> tuple[ExportView, ...]:
    """Of the database of this name; `Refused` where there is none."""
    key = Database.objects.filter(name=name).values_list("pk", flat=True).first()
    if key is None:
        raise Missing(f"There is no database {name}.", field="name")
    return exports_of([key]).get(key, ())


def find(name: str, pk: UUID) -> ExportView:
    """`Refused` where it is none of this database's."""
    found = next((one for one in of(name) if one.id == pk), None)
    if found is None:
        raise Missing(f"There is no such export of {name}.", field="export")
    return found


def take(pk: UUID, actor: Actor, reason: str) -> AsyncIterator[bytes]:
    """Looked at first, so that nobody is noted as having what is not there."""
    row = Export.objects.select_related("database", "store").get(pk=pk)
    found = listed(row, open_store(row.store))
    take_export_away(export=row, actor=actor, reason=reason, now=clock.system.now())
    return tar_of(row, found, open_store(row.store))


def sent(one: ExportView, actor: Actor, reason: str) -> HttpResponse:
    """As a file that nothing on the way keeps."""
    response = StreamingHttpResponse(take(one.id, actor, reason), content_type="application/x-tar")
    response["Content-Disposition"] = f'attachment; filename="{one.file}"'
    response["Cache-Control"] = "no-store"
    return cast("HttpResponse", response)  # a stream is one to everybody who passes it on
