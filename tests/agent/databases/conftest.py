"""Two hosts with a PostgreSQL 18 pair, agents in this process, and a scripted control plane."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from websockets.exceptions import ConnectionClosed

from recovery.adapters.containers import proc
from recovery.core import wire
from recovery.core.ports import DATABASE, Login
from recovery.core.wire import backups as wire_backups
from tests.agent.conftest import Host, free_port
from tests.agent.gateway import Gateway
from tests.support import own
from tests.support.clocks.steady import steady

SECRET = "s" * 32
TERMS = wire.LeaseTerms(every=0.3, timeout=0.5, length=3.0, early=1.5)
A, B = "replica-a", "replica-b"
_places = itertools.count(1)


@dataclass
class Pair:
    """One database on two hosts, as a control plane would decide about it."""

    gateway: Gateway
    hosts: dict[str, Host]
    port: int
    peer_ports: dict[str, int]
    name: str = "shop"
    epoch: int = 1
    leader: str = A
    is_synchronous: bool = True
    is_degraded: bool = False
    lease: wire.LeaseTerms | None = TERMS
    out: set[str] = field(default_factory=set)
    backup: wire_backups.BackupSpec | None = None
    operations: Iterator[int] = field(default_factory=itertools.count)

    def spec(self, replica: str) -> wire.DatabaseSpec:
        return wire.DatabaseSpec(
            replica=replica,
            database="database-1",
            name=self.name,
            engine="postgresql",
            version="18",
            role=self._role(replica),
            epoch=self.epoch,
            port=self.port,
            secret=SECRET,
            members=tuple(self._member(each) for each in self.hosts),
            synchronous=self.is_synchronous,
            degraded=self.is_degraded,
            lease=self.lease,
            settings={"fsync": "off", "shared_buffers": "16MB"},
            backup=self.backup,
        )

    def _role(self, replica: str) -> wire.ReplicaRole:
        if replica in self.out:
            return "out"
        return "primary" if replica == self.leader else "standby"

    def _member(self, replica: str) -> wire.Member:
        host = self.hosts[replica]
        return wire.Member(
            replica=replica,
            host=host.name,
            address=host.address,
            port=self.port,
            peer_port=self.peer_ports[replica],
            role=self._role(replica),
        )

    async def desire(self) -> None:
        """Tells every host that has a session, and grants to the leader."""
        self.gateway.leaders = {self.leader: self.epoch}
        for replica, host in self.hosts.items():
            with contextlib.suppress(LookupError, AssertionError, ConnectionClosed):
                await self.gateway.desire(host.name, databases=(self.spec(replica),))

    def fact(self, replica: str) -> wire.ReplicaFact:
        facts = self.gateway.member(self.hosts[replica].name).replicas
        if replica not in facts:
            raise LookupError(f"nothing was reported of {replica}")
        return facts[replica]

    async def order(
        self, replica: str, verb: wire.DatabaseVerb, *, epoch: int = 0, **more: Any
    ) -> wire.Outcome:
        """Sends it and waits for what became of it."""
        return await self.outcome(replica, await self.send(replica, verb, epoch, **more))

    async def send(
        self, replica: str, verb: wire.DatabaseVerb, epoch: int = 0, **more: Any
    ) -> wire.DatabaseOrder:
        spec = self.spec(replica)
        if epoch:
            spec = wire.DatabaseSpec(**(_fields(spec) | {"epoch": epoch}))  # type: ignore[arg-type]
        order = wire.DatabaseOrder(
            operation=f"op-{next(self.operations)}",
            epoch=1,
            verb=verb,
            database=spec,
            **more,
        )
        await self.gateway.send(self.hosts[replica].name, order)
        return order

    async def outcome(self, replica: str, order: wire.DatabaseOrder) -> wire.Outcome:
        name = self.hosts[replica].name

        def told() -> list[wire.Outcome]:
            found = self.gateway.frames(name, wire.Outcome)
            return [each for each in found if each.operation == order.operation]

        await self.gateway.until(told)
        return told()[-1]

    async def until(self, replica: str, seconds: float = 60.0, **fields: object) -> None:
        """Until the newest report of it says so."""
        await self.gateway.until(
            lambda: all(getattr(self.fact(replica), n) == v for n, v in fields.items()), seconds
        )

    async def enrolled(self, replica: str) -> None:
        name = self.hosts[replica].name
        await self.gateway.until(lambda: self.gateway.member(name).socket)

    async def back(self, replica: str) -> None:
        """Starts its agent again and waits for the session."""
        member = self.gateway.member(self.hosts[replica].name)
        member.socket = None
        member.replicas.clear()
        self.hosts[replica].start()
        await self.enrolled(replica)

    def writer(self, replica: str) -> Writer:
        return Writer(self.hosts[replica].address, self.port)


def _fields(spec: wire.DatabaseSpec) -> dict[str, object]:
    return {name: getattr(spec, name) for name in spec.__struct_fields__}


class Writer:
    """A client that writes all the time and notes when its writes were acknowledged."""

    def __init__(self, address: str, port: int) -> None:
        self._where = {
            "host": address,
            "port": port,
            "user": Login.CLIENT.value,
            "password": Login.CLIENT.password(SECRET),
            "dbname": DATABASE,
            "connect_timeout": 2,
        }
        self.acknowledged: list[tuple[float, int]] = []
        self._task: asyncio.Task[None] | None = None
        self._numbers = itertools.count(1)

    async def make_table(self) -> None:
        async with await self._connect() as connection:
            await connection.execute("CREATE TABLE IF NOT EXISTS ledger (n bigint PRIMARY KEY)")

    async def _connect(self) -> psycopg.AsyncConnection:
        return await psycopg.AsyncConnection.connect(autocommit=True, **self._where)  # type: ignore[arg-type]

    def start(self) -> None:
        self._task = asyncio.create_task(self._write())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _write(self) -> None:
        while True:
            try:
                async with await self._connect() as connection:
                    while True:
                        number = next(self._numbers)
                        await connection.execute("INSERT INTO ledger VALUES (%s)", [number])
                        self.acknowledged.append((steady.monotonic(), number))
                        await asyncio.sleep(0.01)
            except psycopg.Error:
                await asyncio.sleep(0.02)

    async def try_write(self, number: int, seconds: float = 10.0) -> bool:
        """One new connection, one write; again without harm."""
        try:
            async with asyncio.timeout(seconds), await self._connect() as connection:
                sql = "INSERT INTO ledger VALUES (%s) ON CONFLICT DO NOTHING"
                await connection.execute(sql, [number])
        except (psycopg.Error, TimeoutError):
            return False
        return True

    async def numbers(self) -> set[int]:
        async with await self._connect() as connection:
            rows = await (await connection.execute("SELECT n FROM ledger")).fetchall()
            return {row[0] for row in rows}

    def longest_gap(self, since: float, until: float) -> float:
        instants = [since, *(at for at, _ in self.acknowledged if since <= at <= until), until]
        return max(later - earlier for earlier, later in itertools.pairwise(instants))

    @property
    def last(self) -> float:
        return self.acknowledged[-1][0] if self.acknowledged else 0.0


@pytest.fixture
async def pair(gateway: Gateway) -> AsyncIterator[Pair]:
    """Both hosts enrolled, nothing on their lists yet."""
    with TemporaryDirectory(prefix="tocsin-pair-") as folder:
        hosts, peer_ports = {}, {}
        for replica in (A, B):
            place = Path(folder) / replica
            place.mkdir()
            peer_ports[replica] = free_port()
            address = own.address(f"202.{next(_places) % 250 + 1}")
            host = Host(place, [gateway], name=f"host-{replica}", address=address)
            host.fields = {"peer_port": peer_ports[replica]}
            (place / "token").write_text(f"token-{replica}")
            gateway.tokens[f"token-{replica}"] = host.name
            hosts[replica] = host
        pair = Pair(gateway, hosts, free_port(), peer_ports)
        yield pair
        for host in hosts.values():
            await host.stop()
            if host.process is not None:
                host.kill()
        end_servers(Path(folder))


@pytest.fixture
async def up(pair: Pair) -> Pair:
    """Primary and standby came up from their lists alone."""
    for replica, host in pair.hosts.items():
        host.start()
        await pair.enrolled(replica)
    await pair.desire()
    await pair.until(A, state="running", role="primary", gate="open", is_writable=True)
    await pair.until(B, 30.0, state="running", role="standby", follows=A)
    await pair.gateway.until(lambda: any(s.is_synchronous for s in pair.fact(A).standbys))
    await pair.writer(A).make_table()
    return pair


async def fail_over(pair: Pair) -> wire.Outcome:
    """Fences A, promotes B at the next epoch, as a control plane with a receipt would."""
    fenced = await pair.order(A, "fence")
    assert fenced.state == "done", fenced.detail
    pair.epoch, pair.leader, pair.is_degraded = pair.epoch + 1, B, True
    pair.gateway.leaders = {B: pair.epoch}
    promoted = await pair.order(B, "promote")
    assert promoted.state == "done", promoted.detail
    return fenced


def watchdogs(folder: Path) -> list[int]:
    """The watchdogs of this test's hosts."""
    found = []
    for pid in proc.pids():
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            if len(words) > 4 and words[3].endswith("watchdog.py"):
                found += [pid] if Path(words[4]).is_relative_to(folder) else []
    return found


def end_servers(folder: Path) -> None:
    """Ends every watchdog, and its server with it."""
    for pid in watchdogs(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, signal.SIGTERM)
    deadline = steady.monotonic() + 5.0
    while watchdogs(folder) and steady.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
        time.sleep(0.02)
