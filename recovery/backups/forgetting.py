"""Exports leave their stores after their time, and so does whatever was broken off.

Invariant: only names of exports are removed, and only those that the store itself calls old: a row
that nobody knows keeps nothing for ever, and one that was lost removes nothing early.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import structlog

from recovery.audit.facts import Actor
from recovery.backups import actions
from recovery.backups.exports import EXPORTED_FOR, Export, ExportState
from recovery.backups.facts import StoreKind
from recovery.backups.looking import LISTED_WITHIN, Opener
from recovery.backups.models import Store
from recovery.core.archive.exports import ROOT, export_named
from recovery.core.errors import TocsinError
from recovery.core.ports import ObjectInfo, ObjectStore

ACTOR = Actor("worker", "exports")
log = structlog.get_logger()


def old_names(listed: Sequence[ObjectInfo], now: datetime) -> list[str]:
    """Of whole exports: none whose newest object is younger. Pure."""
    newest: dict[str, datetime] = {}
    names: dict[str, list[str]] = defaultdict(list)
    for one in listed:
        if export := export_named(one.name):
            names[export].append(one.name)
            newest[export] = max(newest.get(export, one.modified), one.modified)
    over = sorted(export for export, at in newest.items() if now - at >= EXPORTED_FOR)
    # the contents go first, so that what is broken off here is no export any more
    return [name for export in over for name in sorted(names[export])]


def forget_exports(*, opened: Opener, now: datetime) -> int:
    """Of every store; how many rows ended. A store that cannot be asked keeps its own."""
    ended = 0
    for row in Store.objects.exclude(kind=StoreKind.SNAPSHOT):
        kept = Export.objects.filter(store=row, state=ExportState.KEPT)
        try:
            there = asyncio.run(_forgotten(opened(row), now))
        except (TocsinError, TimeoutError) as error:
            log.warning("exports cannot be looked at", store=row.name, error=str(error))
            continue
        over = kept.filter(ends_at__lte=now)
        keys = [one.pk for one in over if str(one.operation) not in there]
        ended += len(actions.end_exports(exports=keys, actor=ACTOR, now=now))
    return ended


async def _forgotten(store: ObjectStore, now: datetime) -> set[str]:
    """What is left afterwards."""
    try:
        async with asyncio.timeout(LISTED_WITHIN):
            listed = await store.list(ROOT)
        for name in old_names(listed, now):
            async with asyncio.timeout(LISTED_WITHIN):
                await store.delete(name)
        gone = set(old_names(listed, now))
        return {export_named(one.name) for one in listed if one.name not in gone}
    finally:
        await store.close()
