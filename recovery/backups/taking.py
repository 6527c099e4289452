"""An export as somebody takes it away: its sealed objects, as they lie in the store, in one tar.

Invariants: nothing is opened here, and no key is; what is not whole in its store is refused before
the first byte; what is not what its agent wrote breaks the download off.
"""

from __future__ import annotations

import asyncio
import hashlib
import tarfile
from collections.abc import AsyncIterator

from recovery.backups.exports import Export
from recovery.backups.looking import LISTED_WITHIN
from recovery.core.archive.exports import digest_of_all, prefix_of
from recovery.core.errors import Refused, TocsinError
from recovery.core.ports import ObjectInfo, ObjectStore

_BLOCK = 512


def listed(row: Export, store: ObjectStore) -> list[ObjectInfo]:
    """All of it, or `Refused`."""
    try:
        found = asyncio.run(_listed(store, prefix_of(row.database.name, str(row.operation))))
    except (TocsinError, TimeoutError) as error:
        said = str(error) or f"no answer within {LISTED_WITHIN:.0f} s."
        raise Refused(f"{row.store} cannot be read now: {said}") from error
    size = sum(one.size for one in found)
    if (len(found), size) != (row.pieces, row.bytes):
        raise Refused(
            f"It is not whole in {row.store}: {len(found)} of {row.pieces} objects,"
            f" {size} of {row.bytes} bytes are there."
        )
    return found


async def _listed(store: ObjectStore, prefix: str) -> list[ObjectInfo]:
    try:
        async with asyncio.timeout(LISTED_WITHIN):
            return await store.list(prefix)
    finally:
        await store.close()


async def tar_of(row: Export, names: list[ObjectInfo], store: ObjectStore) -> AsyncIterator[bytes]:
    """One object in memory at a time."""
    sealed: dict[str, str] = {}
    try:
        for one in names:
            data = await store.get(one.name)
            sealed[one.name] = hashlib.sha256(data).hexdigest()
            yield _head(one, len(data))
            yield data + b"\0" * (-len(data) % _BLOCK)
    finally:
        await store.close()
    if digest_of_all(sealed) != row.digest:
        raise Refused(f"What lies in {row.store} is not what the agent of {row.host} wrote.")
    yield b"\0" * (2 * _BLOCK)


def _head(one: ObjectInfo, size: int) -> bytes:
    entry = tarfile.TarInfo(one.name)
    entry.size, entry.mode, entry.mtime = size, 0o600, int(one.modified.timestamp())
    return entry.tobuf(tarfile.PAX_FORMAT)
