"""A restored database that stands until its drill is over, reached by its agent alone.

Invariants: it listens on no address, only on a socket in a closed folder below its drill's own, so
that nobody's users are ever led to it; it is asked by a write that it has to acknowledge.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from recovery.adapters.databases.postgresql.layout import Layout
from recovery.adapters.databases.running import alone
from recovery.adapters.databases.valkey.comparing import private_server
from recovery.adapters.databases.valkey.programs import program_for
from recovery.agent.backups.restoring.places import staging_of
from recovery.agent.backups.restoring.scratch import Private
from recovery.core.ports import DATABASE, EngineFailed, Place
from recovery.core.wire import DatabaseSpec
from recovery.engines.places import door

START_SECONDS = 120.0
DRILL_KEY = "tocsin:drill"
Ask = Callable[[], Awaitable[None]]
"""Returns once it has acknowledged a write; raises a `TocsinError` where it has not."""


@contextlib.asynccontextmanager
async def standing(database: DatabaseSpec, restore: str, place: Place) -> AsyncIterator[Ask]:
    """Inside, the server of what was restored under this name runs; afterwards it has ended."""
    staging = staging_of(database, restore, place)
    if database.engine == "postgresql":
        layout = Layout(replace(place, folder=staging), database.version)
        async with alone(staging) as lock, _postgres(layout, lock) as ask:
            yield ask
        return
    async with alone(staging) as lock, _valkey(database, staging, lock) as ask:
        yield ask


@contextlib.asynccontextmanager
async def _postgres(layout: Layout, lock: int) -> AsyncIterator[Ask]:
    (layout.files.data / "postmaster.pid").unlink(missing_ok=True)  # whose server was killed
    server = Private(layout, lock)

    async def ask() -> None:
        await server.row(DATABASE, "SELECT pg_current_xact_id()::text")

    try:
        await server.serve(START_SECONDS)
        await ask()
        yield ask
        await server.stop()
    finally:
        await server.kill()


@contextlib.asynccontextmanager
async def _valkey(database: DatabaseSpec, staging: Path, lock: int) -> AsyncIterator[Ask]:
    socket = door(staging / "private.sock")
    socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    program = program_for(database.version)
    async with private_server(program, staging / "data", socket, lock) as session:

        async def ask() -> None:
            if await session.say("SET", DRILL_KEY, "1") is None:
                raise EngineFailed("it did not acknowledge a write")

        await ask()
        yield ask
