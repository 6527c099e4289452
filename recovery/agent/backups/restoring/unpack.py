"""A base backup's pieces into a folder, the log's chunks into segments that a server reads."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import os
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO

from recovery.adapters.backups.threads import in_thread
from recovery.agent.backups.fetch import blamed
from recovery.agent.backups.restoring.child import child
from recovery.core.archive import SEGMENT, Chunk, RestorePlan

AHEAD = 64 << 20
"""So many bytes may wait for the disk."""
STEP = 8 << 20
"""So many are worth a turn of their own."""
_PIPE = 1 << 20
_WIDE = ("--read-full-records", "--blocking-factor=2048")
"""A MiB at once; tar's own 10 KiB cost it more than thrice the time."""
_LIBC = ctypes.CDLL(None, use_errno=True)


async def unpack(pieces: AsyncIterator[bytes], folder: Path, lock: int, pace: Pace) -> None:
    """Through tar, which keeps up with a disk. `EngineFailed` in its words."""
    argv = ["tar", "-x", "-p", "--no-same-owner", *_WIDE, "-f", "-", "-C", str(folder)]

    def begin() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            argv,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(lock,),
            env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
        )

    async with child(begin) as tar:
        assert tar.stdin is not None
        assert tar.stderr is not None
        with contextlib.suppress(OSError):  # more than this user may have
            fcntl.fcntl(tar.stdin, fcntl.F_SETPIPE_SZ, _PIPE)
        with contextlib.suppress(BrokenPipeError):
            async for piece in pieces:
                await asyncio.to_thread(_feed, tar.stdin, piece)
                await pace.wrote(len(piece))
        tar.stdin.close()
        words = await asyncio.to_thread(tar.stderr.read)
        ended = await asyncio.to_thread(tar.wait)
    if ended:
        said = " | ".join(words.decode(errors="replace").strip().splitlines()[:3])
        raise blamed(f"the backup could not be unpacked: {said}")


class Pace:
    """What is written goes to the disk meanwhile, turn after turn: a restore is as fast at its
    beginning as at its end, so the time left is told truly, and little is left at the end."""

    def __init__(self, folder: Path, is_safe: Callable[[int], None]) -> None:
        self._folder, self._is_safe = folder, is_safe
        self._written = self._safe = 0
        self._turn: asyncio.Task[None] | None = None

    async def wrote(self, size: int) -> None:
        """Waits where the disk is too far behind."""
        self._written += size
        while self._written - self._safe >= STEP:
            if self._turn is None:
                self._turn = asyncio.create_task(self._settle())
            if self._turn.done() or self._written - self._safe >= AHEAD:
                await self.end()
            else:
                return

    async def _settle(self) -> None:
        upto = self._written
        await settle(self._folder)
        self._safe = upto
        self._is_safe(upto)

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


def _feed(pipe: IO[bytes], piece: bytes) -> None:
    """By the pipe itself: a number of one that was closed meanwhile may be another file's."""
    left = memoryview(piece)
    while left:
        left = left[pipe.write(left) :]


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
