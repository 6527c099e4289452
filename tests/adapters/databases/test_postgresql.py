"""What PostgreSQL alone promises: acknowledged means on two disks, who may come from where."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psycopg
import pytest

from recovery.adapters.databases.members import networks
from recovery.adapters.databases.postgresql import files, programs
from recovery.adapters.databases.postgresql.layout import Layout
from recovery.core.errors import TocsinError
from recovery.core.ports import DATABASE, EngineFailed, Login
from tests.adapters.databases.clients import PostgresClient
from tests.adapters.databases.conftest import ENGINES, Engine
from tests.adapters.databases.disks import fill, small_disk
from tests.adapters.databases.servers import Family, Server
from tests.support.clocks.steady import steady
from tests.support.waiting import until

CLIENT = PostgresClient()


@pytest.fixture(params=["postgresql-18", "postgresql-15"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return ENGINES[request.param]


async def synchronous_pair(family: Family) -> tuple[Server, Server]:
    a, b = await family.pair(CLIENT)
    family.give("a", synchronous=True)
    await a.engine.configure(a.spec)
    await b.engine.configure(b.spec)

    async def is_synchronous() -> bool:
        return any(each.is_synchronous for each in (await a.look()).standbys)

    await until(is_synchronous)
    return a, b


def try_write(server: Server, number: int, patience: float = 60.0) -> list[str]:
    """A write whose client cancels after a while; the warnings that it got with its success."""
    warnings: list[str] = []
    with CLIENT.connect(server) as connection:
        connection.add_notice_handler(lambda said: warnings.append(said.message_primary or ""))
        giving_up = threading.Timer(patience, connection.cancel_safe)
        giving_up.start()
        connection.execute("INSERT INTO ledger VALUES (%s)", [number])
        giving_up.cancel()
    return warnings


async def test_a_lock_that_a_reboot_left_to_another_process_keeps_no_server_down(
    family: Family,
) -> None:
    a, _ = await family.pair(CLIENT)
    folder = Layout(a.engine._place, a.spec.version).socket  # type: ignore[attr-defined]
    lock = folder / f".s.PGSQL.{a.spec.port}.lock"
    left = lock.read_text().split("\n")
    a.kill()
    lock.write_text("\n".join([str(os.getppid()), *left[1:]]))
    await a.start()
    assert (await a.look()).is_writable


async def test_a_standby_that_starts_anew_is_of_the_timeline_that_it_has_received(
    family: Family,
) -> None:
    """Its control file goes on to name the older one until a checkpoint comes by."""
    a, b = await family.pair(CLIENT)
    await a.stop()
    family.give("b")
    await b.engine.promote(b.spec)
    await a.engine.rejoin(a.spec)
    await a.start()
    await a.until_streaming()
    await CLIENT.write(b, 1)
    await a.reaches((await b.look()).position)
    b.kill()
    a.kill()
    await a.start()
    assert (await a.look()).timeline == 2


async def test_only_a_server_that_ended_in_order_tells_where(family: Family) -> None:
    a, _ = await family.pair(CLIENT)
    await CLIENT.write(a, 1)
    a.kill()
    assert await a.engine.ended_at() is None
    await a.start()
    written = (await a.look()).position
    await a.stop()
    ended_at = await a.engine.ended_at()
    assert ended_at is not None
    assert ended_at >= written


async def test_a_synchronous_write_waits_for_its_standby_until_the_database_is_degraded(
    family: Family,
) -> None:
    a, b = await synchronous_pair(family)
    await CLIENT.write(a, 1)
    b.pause()
    waiting = asyncio.ensure_future(asyncio.to_thread(try_write, a, 2))
    _, pending = await asyncio.wait([waiting], timeout=1.0)
    assert pending
    family.give("a", synchronous=True, degraded=True)
    await a.engine.configure(a.spec)
    assert await waiting == []
    b.go_on()


async def test_a_cancelled_wait_is_counted_because_its_client_was_told_success(
    family: Family,
) -> None:
    a, b = await synchronous_pair(family)
    b.pause()
    warnings = await asyncio.to_thread(try_write, a, 1, 0.5)
    assert "canceling wait for synchronous replication" in warnings[0]
    assert (await a.look()).cancelled_waits == 1
    assert (await a.look()).cancelled_waits == 1
    assert (await (await family.another("a")).look()).cancelled_waits == 1
    b.go_on()


async def test_a_promoted_synchronous_standby_acknowledges_nothing_alone(family: Family) -> None:
    a, b = await synchronous_pair(family)
    a.kill()
    family.give("b", synchronous=True)
    await b.engine.promote(b.spec)
    waiting = asyncio.ensure_future(asyncio.to_thread(try_write, b, 1))
    _, pending = await asyncio.wait([waiting], timeout=1.0)
    assert pending
    await a.engine.rejoin(a.spec)
    await a.start()
    async with asyncio.timeout(30):
        assert await waiting == []


async def test_every_synchronous_write_is_on_the_promoted_standby(family: Family) -> None:
    a, b = await synchronous_pair(family)
    acknowledged: list[int] = []

    def writes() -> None:
        with CLIENT.connect(a) as connection:
            for number in range(10_000):
                connection.execute("INSERT INTO ledger VALUES (%s)", [number])
                acknowledged.append(number)

    writer = asyncio.ensure_future(asyncio.to_thread(writes))
    await until(lambda: len(acknowledged) > 50)
    a.kill()
    with pytest.raises(psycopg.OperationalError):
        await writer
    family.give("b", synchronous=True, degraded=True)
    await b.engine.promote(b.spec)
    assert set(acknowledged) <= await CLIENT.numbers(b)


# ------------------------------------------------------------------ disk full


@pytest.fixture
def full_disk(family: Family) -> Iterator[Path]:
    with small_disk(family.folder / "b", 220) as folder:
        yield folder


async def test_a_candidate_with_a_full_disk_says_so_and_is_a_standby_still(
    full_disk: Path, family: Family
) -> None:
    a, b = await family.pair(CLIENT)
    await CLIENT.write(a, 1)
    await b.reaches((await a.look()).position)
    a.kill()
    filler = fill(full_disk)
    family.give("b")
    with pytest.raises(TocsinError, match="No space left on device"):
        await b.engine.promote(b.spec)
    b.kill()
    filler.unlink()
    await b.start()
    assert (await b.look()).role == "standby"
    await b.engine.promote(b.spec)
    await CLIENT.write(b, 2)
    assert await CLIENT.numbers(b) == {1, 2}


async def test_nothing_is_rewound_where_what_it_has_cannot_be_kept(
    full_disk: Path, family: Family
) -> None:
    a, b = await family.pair(CLIENT)
    a.kill()
    family.give("b")
    await b.engine.promote(b.spec)
    await CLIENT.write(b, 1)
    b.kill()
    family.give("a")
    await a.start()
    fill(full_disk)
    with pytest.raises(TocsinError, match=r"needs \d+ MiB, 0 MiB are free|No space left"):
        await b.engine.rejoin(b.spec)
    assert b.engine.is_made()


# ------------------------------------------------------------------ who may come


@pytest.mark.parametrize("login", [Login.ADMIN, Login.REPLICATION])
async def test_only_clients_come_from_afar_and_the_administrator_never_over_the_network(
    family: Family, login: Login
) -> None:
    a = family.servers["a"]
    member = family.spec("a", primary="a").members[0]
    elsewhere = tuple(
        msgspec.structs.replace(member, replica=name, address=f"192.0.2.{number}")
        for number, name in enumerate("abc", 1)
    )
    a.spec = msgspec.structs.replace(a.spec, members=elsewhere)
    await a.engine.make(a.spec)
    await a.start()
    with pytest.raises(psycopg.OperationalError, match="no pg_hba"):
        await asyncio.to_thread(CLIENT.connect, a, login)
    with CLIENT.connect(a) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


async def test_from_a_members_host_no_client_comes(family: Family) -> None:
    spec = family.spec("a", primary="a")
    member = spec.members[0]
    far = msgspec.structs.replace(member, address="192.0.2.7")
    text = files.hba_conf(msgspec.structs.replace(spec, members=(far,)))
    lines = text.splitlines()
    assert lines.index("host all all 192.0.2.7/32 reject") < lines.index(
        f"host all {Login.CLIENT},{Login.PROBE} 0.0.0.0/0 scram-sha-256"
    )
    assert networks(spec) == ("127.0.0.0/8", "::1/128")


async def test_the_probe_writes_in_its_own_schema_alone(family: Family) -> None:
    a, _ = await family.pair(CLIENT)
    with CLIENT.connect(a, Login.PROBE) as connection:
        connection.execute("CREATE TABLE tocsin_probe.beats (at bigint)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM ledger")
        assert connection.info.dbname == DATABASE


# ------------------------------------------------------------------ quick enough


async def test_a_promotion_is_quick(family: Family) -> None:
    """safety.md 3.2 allows 3 s in the fast profile; on an idle machine it takes 0.2 s."""
    a, b = await family.pair(CLIENT)
    a.kill()
    family.give("b")
    began = steady.monotonic()
    await b.engine.promote(b.spec)
    await CLIENT.write(b, 1)
    assert steady.monotonic() - began < 5.0


def test_a_version_that_is_not_here_is_named_with_those_that_are() -> None:
    with pytest.raises(EngineFailed, match=r"PostgreSQL 99 is not on this host, which has .*18"):
        programs.programs_for("99")


async def test_data_that_cannot_be_read_any_more_are_kept_and_replaced(
    family: Family, engine: Engine
) -> None:
    a, b = await family.pair(engine.client)
    await engine.client.write(a, 1)
    await b.reaches((await a.look()).position)
    a.kill()
    await b.engine.promote(b.spec)
    family.give("b")
    (a.folder / "data" / "global" / "pg_control").unlink()
    rejoined = await a.engine.rejoin(a.spec)
    assert rejoined.how == "reseeded"
    assert "cannot be told" in rejoined.divergence.alone
    assert (Path(rejoined.kept) / "global").is_dir()
    await a.start()
    await a.until_streaming()
