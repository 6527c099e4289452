"""Running an engine's own programs to their end, and one act at a time in a replica's folder.

Invariants: a program ends with its caller, however that ends: it is killed when the act is
cancelled and signalled by the kernel when the agent dies. What a killed agent left behind all the
same (pg_basebackup's second process streams on without the first) still holds the folder's lock,
which keeps the next act out until that has ended it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recovery.adapters.databases import leftovers
from recovery.adapters.databases.folders import said
from recovery.core.clock import system
from recovery.core.ports import EngineFailed

LOCK = "act.lock"
LOCK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Done:
    """A program that ended."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """What it said last, for the person who has to mend it."""
        lines = (self.err or self.out).strip().splitlines()
        return " | ".join(line.strip() for line in lines[-4:]) or f"it ended with code {self.code}"


async def run(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    feed: str = "",
    keep: tuple[int, ...] = (),
) -> Done:
    """Runs it to its end. `keep`: files that stay open as long as it, or a child of it, runs."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        env=leftovers.marked(environment),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        pass_fds=keep,
    )
    try:
        out, err = await process.communicate(feed.encode())
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    return Done(process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace"))


@contextlib.asynccontextmanager
async def alone(folder: Path, seconds: float = LOCK_SECONDS) -> AsyncIterator[int]:
    """Inside, no other act changes this folder; gives the file that programs should `keep`."""
    lock = _open(folder)
    try:
        deadline = system.monotonic() + seconds
        while not _taken(lock):
            await asyncio.to_thread(leftovers.end, folder / LOCK)
            if system.monotonic() > deadline:
                raise EngineFailed(
                    "a program of an earlier act still runs on this folder", kept="Nothing changed."
                )
            await asyncio.sleep(0.05)
        with said():
            yield lock
    finally:
        os.close(lock)


def _open(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
