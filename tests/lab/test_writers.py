"""A writing user on real servers: what it calls acknowledged is there, what is gone it names."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from recovery.core.clock import system
from recovery.engines import children, roles
from recovery.engines.valkey import Valkey
from recovery.lab.databases.clients import (
    Door,
    NotWritten,
    PostgresSession,
    Session,
    connect,
    refusal,
)
from recovery.lab.databases.gauge import Gap
from recovery.lab.databases.ledger import Ledger
from recovery.lab.databases.writer import TRY_EVERY, Writer
from tests.support.databases import Database
from tests.support.own import free_port
from tests.support.server import PASSWORD
from tests.support.waiting import until


class Server:
    """A Valkey that forgets everything when it ends."""

    def __init__(self, folder: Path) -> None:
        self.valkey = Valkey(folder, free_port(), "secret")
        self._log = folder / "log"

    @property
    def door(self) -> Door:
        return Door("valkey", "127.0.0.1", self.valkey.port, "default", "secret", "")

    async def start(self) -> None:
        with self._log.open("ab") as out:
            self._spawned = children.spawn(self.valkey.command(), log=out)
        await until(self._answers)

    async def _answers(self) -> bool:
        return await asyncio.to_thread(self.valkey.answers)

    def send(self, number: signal.Signals) -> None:
        os.kill(self._spawned.pid, number)
        if number == signal.SIGKILL:
            self._spawned.wait()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    (tmp_path / "valkey").mkdir()
    made = Server(tmp_path / "valkey")
    await made.start()
    yield made
    made.send(signal.SIGKILL)


class Watched:
    """A running writer, and what it told."""

    def __init__(self, connected: Callable[[], Awaitable[Session]], ledger: Ledger) -> None:
        self.ledger = ledger
        self.gaps: list[tuple[Gap, tuple[int, ...]]] = []
        self.changes = 0
        self.writer = Writer(
            connected, ledger, system, changed=self._count, told=lambda *one: self.gaps.append(one)
        )

    async def wrote(self, more: int = 3) -> None:
        wanted = self.writer.gauge.acknowledged + more
        await until(lambda: self.writer.gauge.acknowledged >= wanted, seconds=15)

    async def fails(self) -> None:
        await until(lambda: self.writer.gauge.failing_since is not None, seconds=15)

    def _count(self) -> None:
        self.changes += 1


@asynccontextmanager
async def writing(
    folder: Path, connected: Callable[[], Awaitable[Session]]
) -> AsyncIterator[Watched]:
    """A writer while the block runs."""
    watched = Watched(connected, Ledger(folder / "ledger"))
    task = asyncio.ensure_future(watched.writer.run())
    try:
        yield watched
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        watched.ledger.close()


async def test_what_the_ledger_calls_acknowledged_is_there(tmp_path: Path, server: Server) -> None:
    async with writing(tmp_path, lambda: connect(server.door)) as watched:
        await watched.wrote(5)
    session = await connect(server.door)
    assert watched.ledger.missing_from(await session.present(0)) == set()
    session.close()


async def test_a_server_that_forgot_is_told_number_by_number(
    tmp_path: Path, server: Server
) -> None:
    async with writing(tmp_path, lambda: connect(server.door)) as watched:
        await watched.wrote(5)
        server.send(signal.SIGKILL)
        await watched.fails()
        before = watched.ledger.newest
        await asyncio.sleep(1.0)
        await server.start()
        await until(lambda: bool(watched.gaps), seconds=15)
    gap, lost = watched.gaps[0]
    assert gap.seconds >= 1.0
    assert gap.after == before
    assert lost == tuple(range(1, before + 1))


async def test_a_silent_server_costs_its_users_no_longer_than_it_is_silent(
    tmp_path: Path, server: Server
) -> None:
    async with writing(tmp_path, lambda: connect(server.door)) as watched:
        await watched.wrote(5)
        server.send(signal.SIGSTOP)
        stopped = system.monotonic()
        await watched.fails()
        await asyncio.sleep(2.5)
        server.send(signal.SIGCONT)
        silent = system.monotonic() - stopped
        await until(lambda: bool(watched.gaps), seconds=15)
        await watched.wrote(3)
    gap, lost = watched.gaps[0]
    assert silent - 0.2 <= gap.seconds <= silent + 1.0
    assert lost == ()
    assert watched.writer.gauge.failing_since is None


async def test_a_wrong_password_is_said_and_tried_again(tmp_path: Path, server: Server) -> None:
    wrong = Door("valkey", "127.0.0.1", server.valkey.port, "default", "wrong", "")
    async with writing(tmp_path, lambda: connect(wrong)) as watched:
        await watched.fails()
        assert "WRONGPASS" in watched.writer.gauge.error
        assert watched.changes == 1


async def test_a_full_server_is_tried_ever_more_seldom_until_it_says_anything_else(
    tmp_path: Path,
) -> None:
    said = ["FATAL:  sorry, too many clients already", "down", "down"]
    tried: list[float] = []

    async def connected() -> Session:
        tried.append(system.monotonic())
        raise refusal(said[min(len(tried), len(said)) - 1])

    async with writing(tmp_path, connected):
        await until(lambda: len(tried) == len(said), seconds=10)
    waited = [later - earlier for earlier, later in pairwise(tried)]
    assert [round(one / TRY_EVERY) for one in waited] == [2, 1]


async def test_an_edge_without_a_route_that_talks_http_is_a_refusal() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 404 Not Found\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as edge:
        port = edge.sockets[0].getsockname()[1]
        with pytest.raises(NotWritten, match="Protocol error"):
            await connect(Door("valkey", "127.0.0.1", port, "any", "any", ""))


@pytest.fixture
def door(fresh_database: Database) -> Door:
    """The run's PostgreSQL by its socket, as a role that may make tables there."""
    cluster = fresh_database.cluster
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as connection:
        connection.execute(f"GRANT CREATE ON SCHEMA public TO {roles.APPLICATION}")
    return Door(
        "postgresql",
        str(cluster.socket_folder),
        5432,
        roles.APPLICATION,
        PASSWORD,
        fresh_database.name,
    )


async def test_postgresql_keeps_what_it_acknowledged(tmp_path: Path, door: Door) -> None:
    async with writing(tmp_path, lambda: connect(door)) as watched:
        await watched.wrote(5)
    session = await connect(door)
    assert watched.ledger.missing_from(await session.present(0)) == set()
    await session.forget(3)
    assert min(await session.present(0)) == 4
    session.close()


async def test_giving_a_write_up_cancels_nothing_on_the_server(
    fresh_database: Database, door: Door
) -> None:
    session = await connect(door)
    assert isinstance(session, PostgresSession)
    with psycopg.connect(fresh_database.superuser_url) as blocker:
        blocker.execute("LOCK TABLE acknowledged")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await session.write(1)
        session.close()
        waiting = blocker.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = 'tocsin-writer' AND wait_event_type = 'Lock'"
        ).fetchone()
        assert waiting == (1,)


async def test_what_the_server_refuses_is_said_in_its_words(door: Door) -> None:
    session = await connect(door)
    await session.write(1)
    with pytest.raises(NotWritten, match="duplicate key"):
        await session.write(1)
    session.close()
    wrong = Door("postgresql", door.host, door.port, door.user, "wrong", door.dbname)
    with pytest.raises(NotWritten, match="password"):
        await connect(wrong)


async def test_a_server_that_stops_in_mid_answer_holds_up_nobody_else(door: Door) -> None:
    """The last message of an answer, six bytes, never comes."""
    is_whole, is_over = asyncio.Event(), asyncio.Event()

    async def came(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        socket = f"{door.host}/.s.PGSQL.{door.port}"
        far_reader, far_writer = await asyncio.open_unix_connection(socket)

        async def back() -> None:
            while data := await far_reader.read(4096):
                writer.write(data if not is_whole.is_set() else data[:-6])

        pouring = asyncio.create_task(back())
        while data := await reader.read(4096):
            far_writer.write(data)
        pouring.cancel()
        far_writer.close()
        writer.close()
        await asyncio.gather(pouring, far_writer.wait_closed(), return_exceptions=True)
        is_over.set()

    relay = await asyncio.start_server(came, "127.0.0.1", 0)
    async with relay:
        port = relay.sockets[0].getsockname()[1]
        session = await connect(replace(door, host="127.0.0.1", port=port))
        await session.write(1)
        is_whole.set()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await session.write(2)
        session.close()
        await is_over.wait()
