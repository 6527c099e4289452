"""Files into a store: cut in parts, sealed, and counted.

Invariants: the contents are written last, so what was broken off is no export; what was broken off
is removed as far as the store lets it; the same export written again writes the same names.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from recovery.adapters.backups.sealing import Keys, seal
from recovery.core.archive.exports import (
    Contents,
    ExportedFile,
    contents_of,
    digest_of_all,
    part_of,
    prefix_of,
)
from recovery.core.ports import ObjectStore, StoreError

PIECE = 8 << 20
File = tuple[str, AsyncIterator[bytes]]
"""Its name, and its bytes, which are read before the next one is asked for."""


@dataclass(frozen=True, slots=True)
class Written:
    """What lies in the store now. `size`: sealed."""

    contents: Contents
    objects: int
    size: int
    digest: str


class Outbox:
    """One export in one store."""

    def __init__(self, store: ObjectStore, keys: Keys, database: str, export: str) -> None:
        self._store, self._keys = store, keys
        self._database, self._export = database, export
        self._sealed: dict[str, str] = {}
        self._size = self._next = 0

    async def fill(
        self, files: AsyncIterator[File], *, replica: str, engine: str, at: int
    ) -> Written:
        """Raises what the files and the store raise; then nothing of it is listed."""
        try:
            found = [await self._file(name, data) async for name, data in files]
            contents = Contents(
                database=self._database,
                export=self._export,
                replica=replica,
                engine=engine,
                at=at,
                files=tuple(found),
            )
            await self._put(contents_of(self._database, self._export), contents.encoded())
        except BaseException:
            await self._forget()
            raise
        return Written(contents, len(self._sealed), self._size, digest_of_all(self._sealed))

    async def _file(self, name: str, data: AsyncIterator[bytes]) -> ExportedFile:
        first, size, digest, rest = self._next, 0, hashlib.sha256(), bytearray()
        async for block in data:
            rest += block
            digest.update(block)
            size += len(block)
            if len(rest) >= PIECE:
                await self._part(bytes(rest))
                rest.clear()
        if rest:
            await self._part(bytes(rest))
        return ExportedFile(name, size, digest.hexdigest(), first, self._next - first)

    async def _part(self, plain: bytes) -> None:
        name = part_of(self._database, self._export, self._next)
        self._next += 1
        await self._put(name, plain)

    async def _put(self, name: str, plain: bytes) -> None:
        sealed = await asyncio.to_thread(seal, plain, name=name, keys=self._keys)
        await self._store.put(name, sealed)
        self._sealed[name] = hashlib.sha256(sealed).hexdigest()
        self._size += len(sealed)

    async def _forget(self) -> None:
        """Of this try and of one that was killed: their names are the same."""
        with contextlib.suppress(StoreError):
            there = await self._store.list(prefix_of(self._database, self._export))
            for one in there:
                await self._store.delete(one.name)
