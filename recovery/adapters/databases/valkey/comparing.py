"""What a stopped server's data have that its primary's do not, key by key.

A log position cannot tell it: after a start from the append-only file the position counts anew.
So a private server (no port, a socket in a closed folder) loads a copy of the data, and every key
is compared with the primary's. A key that clients changed on the new primary since is another
value too: it is said as what it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

from recovery.adapters.databases import leftovers
from recovery.adapters.databases.valkey.session import Session, here
from recovery.core.clock import system
from recovery.core.ports import Divergence, EngineAway, EngineFailed

MOST_KEYS = 100_000
_NAMED = 5
_LOADING_SECONDS = 120.0


@contextlib.asynccontextmanager
async def private_server(
    program: str, data: Path, socket: Path, keep: int, *, appendonly: bool = True
) -> AsyncIterator[Session]:
    """Inside, the data are loaded and nobody else reaches them; afterwards it is gone. Without
    `appendonly` they are those of `dump.rdb`."""
    options = ["--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"]
    options += ["--dir", str(data), "--appendonly", "yes" if appendonly else "no", "--save", ""]
    process = await asyncio.create_subprocess_exec(
        *("setpriv", "--pdeathsig", "KILL", "--", program, *options),
        env=leftovers.marked({"PATH": os.defpath}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=(keep,),
    )
    session = here(socket)
    try:
        await _loaded(session, process)
        yield session
    finally:
        await session.close()
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _loaded(session: Session, process: asyncio.subprocess.Process) -> None:
    deadline = system.monotonic() + _LOADING_SECONDS
    while True:
        try:
            if not (await session.info())["loading"]:
                return
        except EngineAway as error:
            if process.returncode is not None or system.monotonic() > deadline:
                raise EngineFailed("the old data cannot be loaded") from error
        await asyncio.sleep(0.02)


async def compare(mine: Session, theirs: Session) -> Divergence:
    """Keys only here, and keys with another value here."""
    missing: list[str] = []
    other: list[str] = []
    seen = 0
    for number in _numbers(await mine.info()):
        await mine.say("SELECT", number)
        await theirs.say("SELECT", number)
        cursor = 0
        while True:
            cursor, keys = await mine.say("SCAN", cursor, "COUNT", 1000)
            for key in keys:
                ours, their = await mine.say("DUMP", key), await theirs.say("DUMP", key)
                if ours is not None and ours != their:
                    name = bytes(key).decode(errors="backslashreplace")
                    (missing if their is None else other).append(name)
            seen += len(keys)
            if not int(cursor):
                break
            if seen >= MOST_KEYS:
                return Divergence(
                    True, is_known=False, reason=f"more than {MOST_KEYS} keys to compare"
                )
    rows = (*_told("only here", missing), *_told("with another value here", other))
    changes = len(missing) + len(other)
    return Divergence(bool(changes), changes=changes, unit="keys", rows=rows)


def _numbers(info: dict[str, object]) -> list[int]:
    """The numbered databases that hold anything."""
    return [n for n in range(16) if f"db{n}" in info]


def _told(what: str, keys: list[str]) -> tuple[str, ...]:
    if not keys:
        return ()
    named = ", ".join(sorted(keys)[:_NAMED]) + (", …" if len(keys) > _NAMED else "")
    return (f"{len(keys)} {what}: {named}",)
