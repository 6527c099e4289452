"""Back in time in its own place: the database goes on serving until what was restored is proven,
then its list says that it takes the place, and what was there is kept. Killed at each rename."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from recovery.core import wire
from recovery.core.archive import coverage
from recovery.core.archive.names import milliseconds
from recovery.core.clock import system
from recovery.core.wire.backups import RestoreResult
from tests.agent.backups.test_ordered import NAME, Notes
from tests.agent.backups.test_ordered import notes as notes  # noqa: PLC0414 - a fixture
from tests.agent.databases.conftest import A, end_servers, pair  # noqa: F401 - a fixture
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(300)
RESTORE = "r-1"


def engine(notes: Notes) -> Path:
    return notes.pair.hosts[A].folder / "state" / "databases" / A / "engine"


def kept(notes: Notes) -> list[Path]:
    return list(engine(notes).rglob("kept/*/PG_VERSION"))


async def drop(notes: Notes) -> tuple[datetime, datetime]:
    """Somebody drops the table; the moments before and after, and the archive holds what came
    then."""
    before = system.now()
    writer = notes.pair.writer(A)
    async with await writer._connect() as connection:
        await connection.execute("DROP TABLE ledger")
        await connection.execute("CREATE TABLE after_it (n bigint)")
    after = system.now() + timedelta(milliseconds=1)

    async def covers() -> bool:
        moment = coverage(await notes.store.list(f"{NAME}/")).moment
        return moment is not None and moment >= after

    await until(covers, 90)
    return before, after


async def staged(notes: Notes, to: datetime, restore: str = RESTORE) -> RestoreResult:
    order = await notes.send(
        A, "restore", operation=f"stage {restore}", restore=restore, to=milliseconds(to)
    )
    done = await notes.outcome(A, order)
    assert done.state == "done", done.detail
    return msgspec.json.decode(done.detail, type=RestoreResult)


async def listed(
    notes: Notes, epoch: int, adopts: str = RESTORE, gave_up: tuple[str, ...] = ()
) -> None:
    """The control plane's decision, as this host's list has it."""
    spec = msgspec.structs.replace(notes.spec(A, epoch), adopts=adopts, gave_up=gave_up)
    await notes.pair.gateway.desire(notes.pair.hosts[A].name, databases=(spec,))


def fact(notes: Notes) -> wire.ReplicaFact:
    return notes.pair.gateway.member(notes.pair.hosts[A].name).replicas[A]


async def led(notes: Notes, epoch: int, adopted: str = RESTORE) -> None:
    def leads() -> bool:
        told = fact(notes)
        serves = (told.state, told.is_writable) == ("running", True)
        return serves and (told.epoch, told.adopted) == (epoch, adopted)

    await notes.pair.gateway.until(leads)


def server(notes: Notes) -> str:
    """The process that serves."""
    (told,) = engine(notes).rglob("data/postmaster.pid")
    return told.read_text().partition("\n")[0]


async def power_cut(notes: Notes) -> None:
    host = notes.pair.hosts[A]
    await host.stop()
    await asyncio.to_thread(end_servers, host.folder)


async def test_a_dropped_table_is_back_at_the_moment_before_and_what_replaced_it_is_kept(
    notes: Notes,
) -> None:
    before, dropped = await drop(notes)
    told = await staged(notes, before)
    assert told.moment == milliseconds(before)
    assert told.timeline == 2
    assert fact(notes).is_writable, "it goes on serving meanwhile"
    assert not kept(notes)
    await listed(notes, 2)
    await led(notes, 2)
    assert await notes.numbers(A) == {1, 2, 3}
    assert len(kept(notes)) == 1, "what was there is set aside"
    order = await notes.send(A, "adopt", operation="op-2", epoch=2)
    assert (await notes.outcome(A, order)).state == "done", "its list was enough"
    assert await notes.pair.writer(A).try_write(4)
    after, pid = system.now(), server(notes)
    await listed(notes, 2, "")
    await led(notes, 2, "")

    async def covers() -> bool:
        moment = coverage(await notes.store.list(f"{NAME}/")).moment
        return moment is not None and moment >= after

    await until(covers, 90)
    assert await notes.numbers(A) == {1, 2, 3, 4}
    assert fact(notes).timeline == 2
    assert server(notes) == pid, "it ran on when its list asked for nothing any more"
    await cut_away_is_back(notes, dropped)


async def cut_away_is_back(notes: Notes, moment: datetime) -> None:
    """That was too early: they go to a moment which the restore before has cut away."""
    again = await staged(notes, moment, "r-2")
    assert (again.moment, again.timeline) == (milliseconds(moment), 3)
    await listed(notes, 3, "r-2")
    await led(notes, 3, "r-2")
    assert await tables(notes) == {"after_it"}, "as it was then: the table was dropped"


async def test_what_lost_its_power_between_the_renames_serves_the_restored_data_alone(
    notes: Notes,
) -> None:
    before, _ = await drop(notes)
    await staged(notes, before)
    note = notes.backups(A) / "restores" / f"{RESTORE}.json"
    text = note.read_bytes()
    await power_cut(notes)
    (version,) = [one for one in engine(notes).rglob("data/PG_VERSION") if "staged" not in str(one)]
    aside = version.parent.parent / "kept" / "20261129T030000.000000Z"
    aside.parent.mkdir()
    version.parent.rename(aside)
    await notes.pair.back(A)
    await listed(notes, 2)
    await led(notes, 2)
    assert await notes.numbers(A) == {1, 2, 3}
    assert await notes.pair.writer(A).try_write(4)
    await power_cut(notes)
    note.write_bytes(text)
    await notes.pair.back(A)
    await listed(notes, 2)
    await led(notes, 2)
    assert await notes.numbers(A) == {1, 2, 3, 4}, "it was in place already"
    assert len(kept(notes)) == 1
    order = await notes.send(A, "adopt", operation="op-2", epoch=2)
    assert (await notes.outcome(A, order)).state == "done"
    assert not note.exists()


async def test_what_was_given_up_while_its_host_was_away_never_serves_there_again(
    notes: Notes,
) -> None:
    """Its power fails after its data were put in place, and it is back when they are no more
    wanted: until its list comes nothing starts, and then what was there before serves."""
    before, _ = await drop(notes)
    await staged(notes, before)
    await listed(notes, 2)
    await led(notes, 2)
    assert await notes.pair.writer(A).try_write(4)
    await power_cut(notes)
    await notes.pair.back(A)
    await notes.pair.gateway.until(lambda: "may have been given up" in told(notes))
    assert fact(notes).state == "down", "by the list of its life before it would serve"
    await listed(notes, 3, "", (RESTORE,))
    await led(notes, 3, "")
    assert await tables(notes) == {"after_it"}, "what somebody dropped is dropped again"
    assert len(kept(notes)) == 1, "the restored data, with what was written to them"


def told(notes: Notes) -> str:
    """What its agent says, once it does."""
    found = notes.pair.gateway.member(notes.pair.hosts[A].name).replicas.get(A)
    return found.detail if found else ""


async def tables(notes: Notes) -> set[str]:
    async with await notes.pair.writer(A)._connect() as connection:
        found = await connection.execute(
            "SELECT tablename FROM pg_tables WHERE tablename IN ('ledger', 'after_it')"
        )
        return {name for (name,) in await found.fetchall()}


async def test_what_is_not_staged_takes_no_place_and_the_old_data_serve_on_at_the_next_epoch(
    notes: Notes,
) -> None:
    await listed(notes, 2)
    await notes.pair.gateway.until(lambda: "they are not here" in fact(notes).detail)
    assert fact(notes).state == "running", "nothing could take its place, so nothing is stopped"
    order = await notes.send(A, "adopt", operation="op-1", epoch=2)
    failed = await notes.outcome(A, order)
    assert (failed.state, failed.detail) == (
        "failed",
        "nothing of this restore is here to be adopted",
    )
    await listed(notes, 3, "")
    await led(notes, 3, "")
    assert await notes.numbers(A) == {1, 2, 3}
    late = await notes.outcome(A, await notes.send(A, "adopt", operation="op-2", epoch=2))
    assert (late.state, late.detail) == ("refused", "epoch 2 is below 3")
