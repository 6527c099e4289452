"""A base backup's pieces into a folder; what is written goes to the disk meanwhile."""

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
from recovery.core.ports import EngineFailed

T = TypeVar("T")
AHEAD = 64 << 20
"""So many bytes may wait for the disk."""
STEP = 8 << 20
"""So many are worth a turn of their own."""
_LIBC = ctypes.CDLL(None, use_errno=True)


async def unpack(pieces: AsyncIterator[bytes | memoryview], folder: Path, pace: Pace) -> None:
    """A base backup's files. `EngineFailed` where they cannot be made; left in any way, nobody
    writes below `folder` any more."""
    files = Files(folder)
    try:
        async for piece in pieces:
            await pace.wrote(len(piece), await laid(partial(files.lay, piece)))
        await laid(files.end)
    finally:
        await laid(files.close)


async def laid(act: Callable[[], T]) -> T:
    """In a thread; whatever this host has against it is not the archive's fault."""
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
