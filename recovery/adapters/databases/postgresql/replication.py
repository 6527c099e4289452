"""PostgreSQL's replication protocol: the log as it is flushed, timelines, and base backups.

psycopg opens the connection; streaming speaks to libpq below it. Invariants: nothing is received
that the server has not flushed; `confirm` tells it what is safe elsewhere, and its slot keeps
everything after that; every wait ends, because a server that is silent for `PATIENCE` is away.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import psycopg
from psycopg import pq

from recovery.adapters.databases.postgresql.files import keywords
from recovery.core.archive import lsn_number, lsn_text
from recovery.core.ports import EngineAway, EngineFailed

PATIENCE = 30.0
CHECKPOINT_PATIENCE = 1800.0
"""A base backup begins with a checkpoint, spread over most of the server's checkpoint_timeout, and
nothing comes from it meanwhile."""
SLOT = "tocsin_archive"
_DRAINED = 8
"""Answers after an error; a connection that died in mid-copy repeats its last one for ever."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOW = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
_FLUSHED = "SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_flush_lsn() END::text"
_SIZE = "SELECT pg_tablespace_size('pg_default')"


class LogRemoved(EngineFailed):
    """The server no longer has this part of its log."""


@dataclass(frozen=True, slots=True)
class Identity:
    """`position`: flushed so far, on `timeline`."""

    system: str
    timeline: int
    position: int


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes of the log from `start` on. `is_urgent`: the server waits for a word; one that stops
    waits until everything is confirmed."""

    start: int
    data: memoryview
    is_urgent: bool = False


class Replication:
    """One connection to a server, for one thing at a time."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection
        self._conn = connection.pgconn
        self._patience = PATIENCE

    @classmethod
    async def open(cls, words: Mapping[str, str], *, kind: str = "true") -> Self:
        """`words`: of libpq, password included."""
        asked = dict(words) | {"replication": kind, "application_name": SLOT}
        try:
            async with asyncio.timeout(PATIENCE):
                opened = await psycopg.AsyncConnection.connect(keywords(asked), autocommit=True)
        except (psycopg.Error, TimeoutError, OSError) as error:
            raise EngineAway(f"the server takes no replication: {_short(error)}") from error
        return cls(opened)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """At once: a stream that still runs is cut."""
        self._conn.finish()
        await self._connection.close()

    async def identify(self) -> Identity:
        ((system, timeline, position, *_),) = await self.ask("IDENTIFY_SYSTEM")
        return Identity(system, int(timeline), lsn_number(position))

    async def history(self, timeline: int) -> bytes:
        """The timeline's history file; empty for the first."""
        if timeline == 1:
            return b""
        ((_, content),) = await self.ask(f"TIMELINE_HISTORY {timeline}")
        return content.encode()

    async def make_slot(self) -> None:
        """From now on the server keeps what is not confirmed; one that is there stays."""
        try:
            await self.ask(f"CREATE_REPLICATION_SLOT {SLOT} PHYSICAL RESERVE_WAL")
        except EngineFailed as error:
            if "already exists" not in str(error):
                raise

    async def drop_slot(self) -> None:
        try:
            await self.ask(f"DROP_REPLICATION_SLOT {SLOT}")
        except EngineFailed as error:
            if "does not exist" not in str(error):
                raise

    # ------------------------------------------------------------------ the log

    async def start(self, timeline: int, position: int) -> None:
        """Raises `LogRemoved`, or `EngineFailed` in the server's words."""
        where = f"{lsn_text(position)} TIMELINE {timeline}"
        self._send(f"START_REPLICATION SLOT {SLOT} PHYSICAL {where}")
        result = await self._result()
        if result is None or result.status != pq.ExecStatus.COPY_BOTH:
            raise EngineFailed(f"the server does not stream from {where}")

    async def stream(self) -> AsyncIterator[Data]:
        """Until the timeline ends. An empty piece now and then says that the server lives."""
        async for message in self._copied():
            kind = message[0]
            if kind == ord("w"):
                (start,) = struct.unpack_from(">Q", message, 1)
                yield Data(start, message[25:])
            elif kind == ord("k"):
                (position,) = struct.unpack_from(">Q", message, 1)
                yield Data(position, message[:0], is_urgent=bool(message[17]))

    def confirm(self, position: int) -> None:
        """Everything before it is safe elsewhere."""
        now = 0  # the server's own clock is not ours to tell
        status = struct.pack(">cQQQQB", b"r", position, position, position, now, 0)
        try:
            self._conn.put_copy_data(status)
            self._conn.flush()
        except psycopg.Error as error:
            raise EngineAway(f"the server is gone: {_short(error)}") from error

    async def end_of_timeline(self) -> None:
        """After `stream` ended by itself: raises what ended it, if that was no timeline's end."""
        is_told = False
        while (result := await self._result()) is not None:
            if result.status in (pq.ExecStatus.COPY_IN, pq.ExecStatus.COPY_BOTH):
                if is_told:
                    raise EngineAway("the server ended in the middle of its stream")
                is_told = True
                self._end_copy()

    def _end_copy(self) -> None:
        try:
            self._conn.put_copy_end()
            self._conn.flush()
        except psycopg.Error as error:
            raise EngineAway(f"the server is gone: {_short(error)}") from error

    # ------------------------------------------------------------------ below

    async def ask(self, command: str) -> list[tuple[str, ...]]:
        """A command with one answer, as text."""
        self._send(command)
        rows: list[tuple[str, ...]] = []
        while (result := await self._result()) is not None:
            rows += rows_of(result)
        return rows

    def _send(self, command: str) -> None:
        try:
            self._conn.send_query(command.encode())
            self._conn.flush()
        except psycopg.Error as error:
            raise EngineAway(f"the server is gone: {_short(error)}") from error

    async def begin(
        self, command: str, *, first_within: float = PATIENCE
    ) -> AsyncIterator[pq.abc.PGresult]:
        """The answers of a command one by one; after one of kind COPY_OUT comes `copied`."""
        self._patience = first_within
        self._send(command)
        try:
            first = await self._result()
        finally:
            self._patience = PATIENCE
        if first is not None:
            yield first
        while first is not None and (result := await self._result()) is not None:
            yield result

    def copied(self) -> AsyncIterator[memoryview]:
        return self._copied()

    async def _copied(self) -> AsyncIterator[memoryview]:
        while True:
            try:
                length, data = self._conn.get_copy_data(1)
            except psycopg.Error as error:
                raise EngineAway(f"the stream broke: {_short(error)}") from error
            if length > 0:
                yield data
            elif length == 0:
                await self._readable()
            else:
                return

    async def _result(self) -> pq.abc.PGresult | None:
        """None after the last one. An error comes after everything else of its command."""
        result = await self._next()
        if result is None or result.status != pq.ExecStatus.FATAL_ERROR:
            return result
        words = " ".join(result.error_message.decode(errors="replace").split())
        if self._conn.status == pq.ConnStatus.BAD:
            raise EngineAway(f"the server is gone: {words}")
        for _ in range(_DRAINED):
            if await self._next() is None:
                break
        raise LogRemoved(words) if "has already been removed" in words else EngineFailed(words)

    async def _next(self) -> pq.abc.PGresult | None:
        while self._conn.is_busy():
            await self._readable()
        return self._conn.get_result()

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            socket = self._conn.socket
        except psycopg.Error as error:
            raise EngineAway(f"the server is gone: {_short(error)}") from error
        came = loop.create_future()

        def woken() -> None:
            if not came.done():
                came.set_result(None)

        loop.add_reader(socket, woken)
        try:
            async with asyncio.timeout(self._patience):
                await came
            self._conn.consume_input()
        except TimeoutError as error:
            raise EngineAway(f"the server was silent for {self._patience:.0f} s") from error
        except psycopg.Error as error:
            raise EngineAway(f"the server is gone: {_short(error)}") from error
        finally:
            loop.remove_reader(socket)


def rows_of(result: pq.abc.PGresult) -> list[tuple[str, ...]]:
    """Text; nothing for NULL."""
    return [
        tuple((result.get_value(row, column) or b"").decode() for column in range(result.nfields))
        for row in range(result.ntuples)
    ]


class Marks:
    """The server's clock and position, in an order that proves something."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = dict(words) | {"dbname": "postgres"}
        self._connection: Replication | None = None

    async def ask(self) -> tuple[datetime, int]:
        """A moment, and a position read after it: whatever was acknowledged up to then lies
        before. `EngineAway` without an answer, `EngineFailed` where it is no primary."""
        try:
            if self._connection is None:
                self._connection = await Replication.open(self._words, kind="false")
            ((moment,),) = await self._connection.ask(_NOW)
            ((at,),) = await self._connection.ask(_FLUSHED)
        except BaseException:
            await self.close()
            raise
        if not at:
            raise EngineFailed("the server is no primary")
        return _EPOCH + timedelta(microseconds=int(moment)), lsn_number(at)

    async def size(self) -> int:
        """Bytes of the data, as a base backup of them would count."""
        if self._connection is None:
            self._connection = await Replication.open(self._words, kind="false")
        ((found,),) = await self._connection.ask(_SIZE)
        return int(found)

    async def close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()


def _short(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
