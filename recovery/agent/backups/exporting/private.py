"""A PostgreSQL server on a copy of returned data, which nobody else reaches.

Invariants: it listens on no address, archives nothing, sends its log to nobody and fetches none,
and loads no library that its settings name; it serves the copy, never the data.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Sequence
from typing import Any, LiteralString

from psycopg import sql

from recovery.adapters.databases.leftovers import marked
from recovery.adapters.databases.postgresql.layout import Layout, clean_environment
from recovery.agent.backups.restoring.scratch import _PORT, Private
from recovery.core.ports import EngineFailed

_BLOCK = 1 << 18
EVENT_TRIGGERS_SINCE = 17


class PrivateCopy(Private):
    """`prepared`: how many prepared transactions its data were made for."""

    def __init__(self, layout: Layout, lock: int, prepared: str) -> None:
        super().__init__(layout, lock)
        self._prepared = prepared

    def _settings(self) -> dict[str, str]:
        more = {
            "max_wal_senders": "0",
            "max_logical_replication_workers": "0",
            "max_prepared_transactions": self._prepared,
            "shared_preload_libraries": "",
            "session_preload_libraries": "",
            "local_preload_libraries": "",
        }
        if self._layout.major >= EVENT_TRIGGERS_SINCE:
            more["event_triggers"] = "off"  # a login would run what its owner wrote
        return super()._settings() | more

    async def rows(self, database: str, statement: LiteralString) -> list[tuple[Any, ...]]:
        async with self._asked(database) as connection:
            return list(await (await connection.execute(statement)).fetchall())

    async def copy_out(self, database: str, query: sql.Composed) -> AsyncGenerator[bytes]:
        """A COPY, as it comes: each piece a row."""
        async with (
            self._asked(database) as connection,
            connection.cursor() as cursor,
            cursor.copy(query) as copy,
        ):
            async for piece in copy:
                yield bytes(piece)

    async def dump(self, database: str, options: Sequence[str] = ()) -> AsyncGenerator[bytes]:
        """pg_dump's words, as they come."""
        words = ["-h", str(self._layout.socket), "-p", str(_PORT), "-U", self._admin, *options]
        process = await asyncio.create_subprocess_exec(
            *self._layout.argv("pg_dump", *words, "-d", database),
            env=marked(clean_environment()),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            pass_fds=(self._lock,),
        )
        assert process.stdout is not None, "it is a pipe"
        assert process.stderr is not None, "it is a pipe"
        said = asyncio.create_task(process.stderr.read())
        try:
            while block := await process.stdout.read(_BLOCK):
                yield block
            if await process.wait():
                words_of_it = " ".join((await said).decode(errors="replace").split())
                raise EngineFailed(f"pg_dump: {words_of_it[-300:]}")
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
            await asyncio.gather(said, return_exceptions=True)
