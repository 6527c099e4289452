"""Clients that ask a server, with each write, who it is and when it did it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import psycopg
from psycopg.conninfo import make_conninfo

from recovery.lab.databases.clients import Door, NotWritten, PostgresSession, ValkeySession

TABLE = "checked"
CREATE = f"CREATE TABLE IF NOT EXISTS {TABLE} (n bigint PRIMARY KEY)".encode()
_EMPTY = f"DELETE FROM {TABLE}".encode()  # noqa: S608 (a constant)
_ALL = f"SELECT n FROM {TABLE}".encode()  # noqa: S608 (a constant)
_INSERT = (
    f"INSERT INTO {TABLE} (n) VALUES ($1) RETURNING"  # noqa: S608 (a constant)
    " extract(epoch FROM clock_timestamp())::text,"
    " left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)"
).encode()
_PUSH = (
    "redis.call('RPUSH', KEYS[1], ARGV[1]) local t = redis.call('TIME')"
    " local told = redis.call('INFO', 'replication')"
    " return {t[1], t[2], string.match(told, 'master_replid:(%x+)')}"
)


class Checked(Protocol):
    """One connection to one server. `NotWritten` where it says no."""

    async def begin(self) -> None:
        """Nothing is there."""

    async def write(self, number: int) -> tuple[float, str]:
        """When the server did it, and its mark as a primary."""

    async def present(self) -> set[int]:
        """Everything that is there."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class CheckedPostgres:
    """A server's mark is its timeline, which rises with each promotion."""

    session: PostgresSession

    async def begin(self) -> None:
        await self.session._ask(CREATE)
        await self.session._ask(_EMPTY)

    async def write(self, number: int) -> tuple[float, str]:
        found = await self.session._ask(_INSERT, b"%d" % number)
        done, timeline = found.get_value(0, 0), found.get_value(0, 1)
        if done is None or timeline is None:
            raise NotWritten("an answer without its parts")
        return float(done), timeline.decode()

    async def present(self) -> set[int]:
        found = await self.session._ask(_ALL)
        return {int(found.get_value(row, 0) or 0) for row in range(found.ntuples)}

    def close(self) -> None:
        self.session.close()


@dataclass(frozen=True, slots=True)
class CheckedValkey:
    """A server's mark is its replication id, which changes with each promotion."""

    session: ValkeySession

    async def begin(self) -> None:
        await self.session._ask("DEL", TABLE)

    async def write(self, number: int) -> tuple[float, str]:
        answer = await self.session._ask("EVAL", _PUSH, 1, TABLE, number)
        if not isinstance(answer, list) or len(answer) != 3:
            raise NotWritten(f"{answer!r} is no answer")
        seconds, micros, mark = answer
        return int(seconds) + int(micros) / 1e6, bytes(mark).decode()[:12]

    async def present(self) -> set[int]:
        found = await self.session._ask("LRANGE", TABLE, 0, -1)
        return {int(number) for number in found} if isinstance(found, list) else set()

    def close(self) -> None:
        self.session.close()


async def open_checked(door: Door) -> Checked:
    """A fresh connection to whatever listens there; it makes nothing by itself."""
    if door.engine == "valkey":
        return CheckedValkey(await ValkeySession.open(door))
    info = make_conninfo(
        host=door.host,
        port=door.port,
        user=door.user,
        password=door.password,
        dbname=door.dbname,
        application_name="tocsin-checker",
        sslmode="disable",
        gssencmode="disable",
    )
    try:
        connection = await psycopg.AsyncConnection.connect(info, autocommit=True)
    except psycopg.Error as error:
        raise NotWritten(str(error)) from error
    return CheckedPostgres(PostgresSession(connection))
