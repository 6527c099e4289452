"""A base backup's pieces into a folder, the log's chunks into segments that a server reads."""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from recovery.adapters.backups.threads import in_thread
from recovery.agent.backups.fetch import HOST, ArchiveFault
from recovery.agent.backups.restoring.files import Files
from recovery.agent.backups.restoring.tarred import BadTar
from recovery.core.archive import SEGMENT, Chunk, RestorePlan
from recovery.core.ports import EngineFailed

T = TypeVar("T")
AHEAD = 64 << 20
"""So many bytes may wait for the disk."""
STEP = 8 << 20
"""So many are worth a turn of their own."""
_LIBC = ctypes.CDLL(None, use_errno=True)


async def unpack(pieces: AsyncIterator[bytes], folder: Path, pace: Pace) -> None:
    """A base backup's files. `EngineFailed` where they cannot be made; left in any way, nobody
    writes below `folder` any more."""
    files = Files(folder)
    try:
        async for piece in pieces:
            cached = await _laid(partial(files.lay, piece))
            await pace.wrote(len(piece), cached)
        await _laid(files.end)
    finally:
        await asyncio.to_thread(files.close)


async def _laid(act: Callable[[], T]) -> T:
    try:
        return await in_thread(act, "unpacking")
    except BadTar as error:
        raise ArchiveFault(f"the backup could not be unpacked: {error}") from error
    except OSError as error:
        raise EngineFailed(f"{HOST} the backup could not be unpacked: {error}") from error


class Pace:
    """What waits in the page cache goes to the disk meanwhile, turn after turn: a restore is as
    fast at its beginning as at its end, so the time left is told truly, and little is left then."""

    def __init__(self, folder: Path, is_safe: Callable[[int], None]) -> None:
        self._folder, self._is_safe = folder, is_safe
        self._written = self._cached = 0
        self._turn: asyncio.Task[None] | None = None

    async def wrote(self, size: int, cached: int) -> None:
        """So many bytes, some of them into the page cache. Waits where the disk is too far
        behind."""
        self._written += size
        self._cached += cached
        if cached < size:
            self._is_safe(self._written - self._cached)
        while self._cached >= STEP:
            if self._turn is None:
                self._turn = asyncio.create_task(self._settle())
            if self._turn.done() or self._cached >= AHEAD:
                await self.end()
            else:
                return

    async def _settle(self) -> None:
        cached = self._cached
        await settle(self._folder)
        self._cached -= cached
        self._is_safe(self._written - self._cached)

    async def end(self) -> None:
        """Of the turn that runs."""
        if self._turn is not None:
            turn, self._turn = self._turn, None
            await turn


async def settle(folder: Path) -> None:
    """Everything of the disk below is safe afterwards, what a server without fsync wrote too."""
    await in_thread(lambda: _sync(folder), "settling")


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _LIBC.syncfs(handle):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(handle)


class Segments:
    """The log of a plan as files under `pg_wal`. Bytes beyond a timeline's switch are nobody's, so
    they are not laid out: a server would replay them where the next timeline has not come yet."""

    def __init__(self, folder: Path, plan: RestorePlan) -> None:
        self._folder = folder
        self._ends = {each.parent: each.switch for each in plan.histories}
        self._begin = plan.name.start - plan.name.start % SEGMENT

    def lay(self, chunk: Chunk, data: bytes) -> None:
        """At its place; what it does not reach stays zero."""
        start = max(chunk.start, self._begin)
        stop = min(chunk.stop, self._ends.get(chunk.timeline, chunk.stop))
        while start < stop:
            offset = start % SEGMENT
            length = min(SEGMENT - offset, stop - start)
            begin = start - chunk.start
            self._write(chunk.timeline, start - offset, offset, data[begin : begin + length])
            start += length

    def _write(self, timeline: int, segment: int, offset: int, data: bytes) -> None:
        low = (segment & 0xFFFFFFFF) // SEGMENT
        name = f"{timeline:08X}{segment >> 32:08X}{low:08X}"
        handle = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.ftruncate(handle, SEGMENT)
            os.pwrite(handle, data, offset)
        finally:
            os.close(handle)
