"""Exports by order: what a replica that is set apart holds beyond its primary, into a store.

Invariants: the data are only read, and a server runs on a copy of them alone; the first of the
stores that people named that takes it whole has it, and no other keeps a part of it; asked for
again after a crash, it is written anew under the same names.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

import msgspec

from recovery.agent.backups.exporting.outbox import File, Outbox, Written
from recovery.agent.backups.stores import keys_for, store_for
from recovery.core.archive.names import milliseconds
from recovery.core.clock import system
from recovery.core.errors import Refused
from recovery.core.ports import Place, StoreAway, StoreError
from recovery.core.wire import DatabaseOrder, DatabaseSpec
from recovery.core.wire.backups import BackupSpec, ExportResult, StoreSpec

SAID = 400


class Held(Protocol):
    """What a copy holds, open to be read."""

    said: str

    def files(self) -> AsyncIterator[File]:
        """May be asked for again."""


class Exports:
    """The exports of one host. `folder`: of its backups; `place`: where a replica lives."""

    def __init__(self, folder: Path, place: Callable[[DatabaseSpec], Place]) -> None:
        self._folder, self._place = folder, place

    async def export(self, order: DatabaseOrder) -> str:
        """An `ExportResult` as JSON. Raises why there is none; then nothing of it is listed."""
        spec, name = order.database, order.operation
        if not name.replace("-", "").isalnum():
            raise Refused("an order to export is named by its id")
        if spec.backup is None or not spec.backup.stores:
            raise Refused(f"{spec.name} has no backups, so there is no store to write it to")
        keys = await asyncio.to_thread(keys_for, self._folder, spec.backup.key)
        stores, reasons = stores_for(order, spec.backup), list[str]()
        async with _held(spec, name, self._place(spec)) as held:
            for one in stores:
                try:
                    store = store_for(one, self._folder)
                    try:
                        written = await Outbox(store, keys, spec.name, name).fill(
                            held.files(),
                            replica=spec.replica,
                            engine=spec.engine,
                            at=milliseconds(system.now()),
                        )
                    finally:
                        await store.close()
                    return _result(name, one.name, written, held.said)
                except StoreError as error:
                    reasons.append(f"{one.name}: {error}")
        raise StoreAway(f"no store took it. {' '.join(reasons)}")


def stores_for(order: DatabaseOrder, backup: BackupSpec) -> tuple[StoreSpec, ...]:
    """Where it may go, the first choice first. A plan of before named none: any of them."""
    if not order.stores:
        return backup.stores
    there = {one.name: one for one in backup.stores}
    found = tuple(there[name] for name in order.stores if name in there)
    if not found:
        named = ", ".join(order.stores)
        raise Refused(f"{order.database.name} has no backups in {named}, where people want it")
    return found


def _held(spec: DatabaseSpec, name: str, place: Place) -> AbstractAsyncContextManager[Held]:
    """Each engine brings its own libraries, so late."""
    if spec.engine == "postgresql":
        from recovery.agent.backups.exporting.postgres import held_by_postgres  # noqa: PLC0415

        return held_by_postgres(spec, name, place)
    from recovery.agent.backups.exporting.valkey import held_by_valkey  # noqa: PLC0415

    return held_by_valkey(spec, name, place)


def _result(name: str, store: str, written: Written, said: str) -> str:
    found = ExportResult(
        export=name,
        store=store,
        objects=written.objects,
        bytes=written.size,
        digest=written.digest,
        files=len(written.contents.files),
        plain=sum(one.size for one in written.contents.files),
        said=said[:SAID],
    )
    return msgspec.json.encode(found).decode()
