"""An object store in memory, and an archive of named objects in it, for tests of who reads them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from recovery.backups.models import Store
from recovery.core.archive import Chunk, Line, ManifestName, Part, backup_name, lsn_number
from recovery.core.errors import TocsinError
from recovery.core.ports.stores import NoSuchObject, ObjectInfo

SEGMENT = 16 * 1024 * 1024


@dataclass
class MemoryStore:
    """As the port says; `error`: raised by every act; `hangs`: no act ever answers."""

    name: str
    held: dict[str, ObjectInfo] = field(default_factory=dict)
    error: TocsinError | None = None
    hangs: bool = False

    async def put(self, name: str, data: bytes, *, lock_until: datetime | None = None) -> None:
        raise NotImplementedError("these tests put by `write`")

    async def get(self, name: str) -> bytes:
        raise NoSuchObject(f"{self.name} has no {name}: only names are kept here.")

    async def list(self, prefix: str = "") -> list[ObjectInfo]:
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        return sorted(info for name, info in self.held.items() if name.startswith(prefix))

    async def delete(self, name: str) -> None:
        self.held.pop(name, None)

    def describe(self) -> str:
        return f"memory {self.name}"

    async def close(self) -> None:
        pass

    def write(self, name: object, at: datetime, size: int = 1000) -> str:
        self.held[str(name)] = ObjectInfo(str(name), size, at)
        return str(name)


@dataclass
class Stores:
    """Stores by name, opened as wiring opens real ones."""

    made: dict[str, MemoryStore] = field(default_factory=dict)

    def __getitem__(self, name: str) -> MemoryStore:
        return self.made.setdefault(name, MemoryStore(name))

    def open(self, row: Store) -> MemoryStore:
        return self[row.name]


def write_base(
    store: MemoryStore,
    database: str,
    at: datetime,
    *,
    start: str = "0/2000000",
    size: int = 8000,
    took: timedelta = timedelta(seconds=30),
) -> str:
    """A base backup that ended at `at`, in two pieces; its manifest's name."""
    begin = lsn_number(start)
    backup = backup_name(at - took, "5f3a")
    line = Line(database, "7012")
    manifest = ManifestName(line, "base", backup, 1, begin, begin + 0x100, 2, at)
    for number in (0, 1):
        store.write(manifest.part(number), at, size // 2)
    return store.write(manifest, at, 200)


def write_wal(store: MemoryStore, database: str, *, upto: datetime, begin: str, end: str) -> str:
    """One chunk of the log on timeline 1; its name."""
    span = lsn_number(begin), lsn_number(end)
    return store.write(Chunk(Line(database, "7012"), 1, *span, upto), upto, 700)


def write_snapshot(store: MemoryStore, database: str, at: datetime, *, size: int = 5000) -> str:
    """A daily engine's snapshot with one piece, of the moment `at`; its manifest's name."""
    backup = backup_name(at, "0a0a")
    line = Line(database, "cache")
    store.write(Part(line, "snapshot", backup, 0), at + timedelta(seconds=9), size)
    manifest = ManifestName(line, "snapshot", backup, 0, 0, 0, 1, at)
    return store.write(manifest, at + timedelta(seconds=10), 200)
