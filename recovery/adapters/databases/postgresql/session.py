"""The administrator's connection through the socket: kept open, dropped at the first doubt."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from recovery.adapters.databases.postgresql.files import keywords
from recovery.adapters.databases.postgresql.layout import Layout
from recovery.core.ending import end
from recovery.core.ports import EngineAway, Login

SECONDS = 3.0
TIDY_SECONDS = 0.5
Row = dict[str, Any]


class Session:
    """Questions to the running server; `EngineAway` whenever one has no answer in time."""

    def __init__(self, layout: Layout, port: int) -> None:
        self._layout, self.port = layout, port
        self._connection: psycopg.AsyncConnection[Row] | None = None
        self._turn = asyncio.Lock()

    async def rows(self, statement: LiteralString, values: Sequence[object] = ()) -> list[Row]:
        async with self._turn:
            asked = asyncio.create_task(self._asked(statement, values), name="a question")
            try:
                async with asyncio.timeout(SECONDS):
                    return await asyncio.shield(asked)
            except (psycopg.Error, TimeoutError, OSError) as error:
                await self._give_up(asked)
                said = " ".join(str(error).split()) or "no answer in time"
                raise EngineAway(f"the server does not answer: {said}") from error
            except BaseException:
                await self._give_up(asked)
                raise

    async def _asked(self, statement: LiteralString, values: Sequence[object]) -> list[Row]:
        connection = await self._open()
        cursor = await connection.execute(statement, values)
        return await cursor.fetchall()

    async def _give_up(self, asked: asyncio.Task[list[Row]]) -> None:
        """Cancelled once, psycopg has the server end the statement, and waits ten seconds for one
        that hangs; it obeys the second time."""
        await end([asked], again=TIDY_SECONDS)
        await self.close()

    async def row(self, statement: LiteralString, values: Sequence[object] = ()) -> Row:
        return (await self.rows(statement, values))[0]

    async def _open(self) -> psycopg.AsyncConnection[Row]:
        if self._connection is None or self._connection.closed:
            words = {
                "host": str(self._layout.socket),
                "port": str(self.port),
                "user": Login.ADMIN.value,
                "dbname": "postgres",
                "application_name": "tocsin agent",
                "options": f"-c statement_timeout={SECONDS * 1000:.0f} -c synchronous_commit=local",
            }
            self._connection = await psycopg.AsyncConnection.connect(
                keywords(words), autocommit=True, row_factory=dict_row
            )
        return self._connection

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error, OSError):
                await connection.close()
