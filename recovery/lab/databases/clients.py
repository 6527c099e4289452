"""How a user of a database writes through the edge: libpq, and Valkey's protocol.

Invariant: giving a write up closes its connection and cancels nothing on the server: a cancelled
wait for a synchronous standby is acknowledged as if it had succeeded (safety.md section 0).
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Protocol

import hiredis
import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

LIST = "tocsin:acknowledged"
CREATE = b"CREATE TABLE IF NOT EXISTS acknowledged (n bigint PRIMARY KEY)"
INSERT = b"INSERT INTO acknowledged (n) VALUES ($1)"
PRESENT = b"SELECT n FROM acknowledged WHERE n > $1"
FORGET = b"DELETE FROM acknowledged WHERE n <= $1"


class NotWritten(Exception):
    """The server or the way to it said no, in its own words."""


class Full(NotWritten):
    """The server lives, and has no place for one more: who tries on at once keeps it so."""


FULL = re.compile("too many clients|connection slots are reserved|max number of clients")


@dataclass(frozen=True, slots=True)
class Door:
    """Where users of a database go: the edge, never a host."""

    engine: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    dbname: str


class Session(Protocol):
    """One connection. Every call raises `NotWritten`; a cancelled one leaves it closed."""

    async def write(self, number: int) -> None:
        """Returns when the server acknowledged the number."""

    async def present(self, above: int) -> set[int]:
        """The numbers above this one that are there."""

    async def forget(self, upto: int) -> None:
        """Numbers that nobody compares any more."""

    def close(self) -> None:
        """At once, without a word to the server."""


async def connect(door: Door) -> Session:
    """A fresh connection, ready to write."""
    if door.engine == "valkey":
        return await ValkeySession.open(door)
    return await PostgresSession.open(door)


class PostgresSession:
    """libpq itself: psycopg's own waiting sends a cancel when it is cancelled."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, door: Door) -> PostgresSession:
        info = make_conninfo(
            host=door.host,
            port=door.port,
            user=door.user,
            password=door.password,
            dbname=door.dbname,
            application_name="tocsin-writer",
            sslmode="disable",
            gssencmode="disable",
        )
        try:
            connection = await psycopg.AsyncConnection.connect(info, autocommit=True)
        except psycopg.Error as error:
            raise refusal(_first_line(error)) from error
        session = cls(connection)
        try:
            await session._ask(CREATE)
        except BaseException:
            session.close()
            raise
        return session

    async def write(self, number: int) -> None:
        await self._ask(INSERT, b"%d" % number)

    async def present(self, above: int) -> set[int]:
        result = await self._ask(PRESENT, b"%d" % above)
        values = (result.get_value(row, 0) for row in range(result.ntuples))
        return {int(value) for value in values if value is not None}

    async def forget(self, upto: int) -> None:
        await self._ask(FORGET, b"%d" % upto)

    def close(self) -> None:
        self._connection.pgconn.finish()

    async def _ask(self, statement: bytes, *values: bytes) -> pq.abc.PGresult:
        pgconn = self._connection.pgconn
        try:
            pgconn.send_query_params(statement, list(values))
            while pgconn.flush():
                await _ready(pgconn.socket, writing=True)
            first = await self._result()
            while await self._result() is not None:
                pass
        except psycopg.Error as error:
            raise NotWritten(_first_line(error)) from error
        if first is None:
            raise NotWritten("the server closed the connection")
        if first.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
            raise NotWritten(first.error_message.decode(errors="replace").strip())
        return first

    async def _result(self) -> pq.abc.PGresult | None:
        """The next one; None: there are no more. libpq would wait for it with everybody else held
        up, for as long as a server that stopped in mid-answer stands still."""
        pgconn = self._connection.pgconn
        while pgconn.is_busy():
            await _ready(pgconn.socket)
            pgconn.consume_input()
        return pgconn.get_result()


async def _ready(descriptor: int, *, writing: bool = False) -> None:
    """Waits until the socket may be read, or written."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    add, remove = (
        (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)
    )
    add(descriptor, _settle, ready)
    try:
        await ready
    finally:
        remove(descriptor)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


class ValkeySession:
    """Valkey's own protocol on one connection: nothing is retried behind the writer's back."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer, self._parser = reader, writer, hiredis.Reader()

    @classmethod
    async def open(cls, door: Door) -> ValkeySession:
        try:
            session = cls(*await asyncio.open_connection(door.host, door.port))
        except OSError as error:
            raise NotWritten(_first_line(error)) from error
        try:
            await session._ask("AUTH", door.user, door.password)
        except BaseException:
            session.close()
            raise
        return session

    async def write(self, number: int) -> None:
        await self._ask("RPUSH", LIST, number)

    async def present(self, above: int) -> set[int]:
        return {number for number in await self._numbers() if number > above}

    async def forget(self, upto: int) -> None:
        old = sum(number <= upto for number in await self._numbers())
        await self._ask("LTRIM", LIST, old, -1)

    def close(self) -> None:
        self._writer.transport.abort()

    async def _numbers(self) -> list[int]:
        found = await self._ask("LRANGE", LIST, 0, -1)
        return [int(number) for number in found] if isinstance(found, list) else []

    async def _ask(self, *words: str | int) -> object:
        try:
            self._writer.write(_packed(words))
            await self._writer.drain()
            while (answer := self._parser.gets()) is False:
                data = await self._reader.read(64 * 1024)
                if not data:
                    raise NotWritten("the server closed the connection")
                self._parser.feed(data)
        except (OSError, hiredis.ProtocolError) as error:
            raise NotWritten(_first_line(error)) from error
        if isinstance(answer, hiredis.ReplyError):
            raise refusal(str(answer))
        return answer


def _packed(words: tuple[str | int, ...]) -> bytes:
    """One command in Valkey's protocol."""
    encoded = [str(word).encode() for word in words]
    parts = [b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded]
    return b"*%d\r\n%b" % (len(encoded), b"".join(parts))


def refusal(words: str) -> NotWritten:
    """What a server said instead of yes."""
    return Full(words) if FULL.search(words) else NotWritten(words)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
