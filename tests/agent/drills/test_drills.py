"""What a drill host does: what a signed plan of mode drill names, and nothing of it afterwards."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve

from recovery.agent.config import Config
from recovery.agent.drills.approved import DrillApprovals
from recovery.agent.drills.book import DrillBook
from recovery.agent.drills.keeper import DrillKeeper
from recovery.agent.drills.link import ONLY_DRILLS, drill_url
from recovery.agent.drills.serving import keeper_of, serve_drills
from recovery.core import wire
from recovery.core.consent import write_pins
from recovery.core.wire.backups import RestoreSpec
from recovery.core.wire.drills import (
    DrillList,
    DrillReport,
    DrillWish,
    decode_report,
    what_of,
)
from recovery.core.wire.plans import PlanWord
from recovery.drp.facts import Kind, Mode
from recovery.drp.plan import Need, Plan, Target, Thing
from tests.agent.conftest import spec
from tests.agent.databases.test_approved import PINS, made, mandate, order, word
from tests.support import own
from tests.support.passkeys import PARTY

ADDRESS = own.address("202.7")


def started(name: str = "drp-1-shop", target: str = "id-shop", at: int = 0) -> DrillWish:
    return DrillWish(name=name, target=target, word=at, container=spec(name))


def restored(target: str = "id-orders", database: str = "id-orders") -> DrillWish:
    found = order(database=database).database
    return DrillWish(
        name="drp-1-orders", target=target, word=0, database=found, restore=RestoreSpec(restore="r")
    )


def placing(
    mode: Mode = Mode.DRILL, realm: str = "drill", names: tuple[str, ...] = ("shop",)
) -> PlanWord:
    """The word of a step that starts applications."""
    return word(mandate(placed(mode, realm, names)))


def restoring() -> Plan:
    """A drill's plan that restores orders, as it is told."""
    what = what_of(restored())
    there = made(Kind.RESTORE_DATABASES, Mode.DRILL, "drill")
    return msgspec.structs.replace(there, things=(Thing("database:id-orders", what),))


def placed(
    mode: Mode = Mode.DRILL,
    realm: str = "drill",
    names: tuple[str, ...] = ("shop",),
    approval: Need | None = None,
) -> Plan:
    there = made(Kind.PLACE_APPLICATIONS, mode, realm, names)  # type: ignore[arg-type]
    waves = tuple(
        tuple(Target("application", one.id, one.name, 1, one.realm) for one in wave)
        for wave in there.steps[0].waves
    )
    one = msgspec.structs.replace(there.steps[0], waves=waves, approval=approval)
    things = tuple(Thing(f"application:id-{name}", what_of(started())) for name in names)
    return msgspec.structs.replace(there, steps=(one,), things=things)


def listed(revision: int, *wishes: DrillWish, words: tuple[PlanWord, ...] = ()) -> DrillList:
    return DrillList(incarnation=1, revision=revision, wishes=wishes, words=words or (placing(),))


def approvals(folder: Path) -> DrillApprovals:
    path = folder / "approvers.json"
    path.write_bytes(write_pins(PINS))
    return DrillApprovals(path, PARTY)


# ------------------------------------------------------------------ what may stand (I-DR-4)


@pytest.mark.parametrize(
    ("mode", "realm", "said"),
    [
        (Mode.DRILL, "drill", ""),
        (Mode.DISASTER, "production", "a disaster never touches a host of drill."),
        (Mode.PLANNED, "production", "a planned never touches a host of drill."),
        (Mode.DRILL, "production", "targets that are not of drill"),
    ],
)
def test_only_a_plan_of_mode_drill_on_targets_of_drills_begins_anything(
    tmp_path: Path, mode: Mode, realm: str, said: str
) -> None:
    why = approvals(tmp_path).refuse(started(), [placing(mode, realm)])
    assert said in why if said else why == ""


def test_data_come_here_only_by_the_signatures_of_pinned_people(tmp_path: Path) -> None:
    plan = restoring()
    signed, host = word(mandate(plan)), approvals(tmp_path)
    assert host.refuse(restored(), [signed]) == ""
    unsigned = word(msgspec.structs.replace(mandate(plan), yeses=()))
    assert "0 of 1 people have signed it." in host.refuse(restored(), [unsigned])
    asked = word(mandate(plan, who="amelie"))
    assert "Who asked for it does not approve it." in host.refuse(restored(), [asked])
    nobody = DrillApprovals(None, PARTY)
    assert "no keys of approvers are pinned" in nobody.refuse(restored(), [signed])


@pytest.mark.parametrize(
    ("database", "restore", "said"),
    [
        ("payroll", "r", "would open the data of payroll; the plan names orders."),
        ("orders", "../../x", "its restore's name is no folder's."),
        ("orders", "", "its restore's name is no folder's."),
    ],
)
def test_the_signatures_are_for_the_data_that_people_read_of_and_for_its_own_folder(
    tmp_path: Path, database: str, restore: str, said: str
) -> None:
    signed = word(mandate(restoring()))
    plain = restored()
    assert plain.database is not None
    wish = msgspec.structs.replace(
        plain,
        database=msgspec.structs.replace(plain.database, name=database),
        restore=RestoreSpec(restore=restore),
    )
    assert said in approvals(tmp_path).refuse(wish, [signed])
    nothing = msgspec.structs.replace(plain, restore=None)
    assert "no folder's" in approvals(tmp_path).refuse(nothing, [signed])


def test_an_application_whose_step_takes_an_approval_starts_by_signatures_alone(
    tmp_path: Path,
) -> None:
    host, there = approvals(tmp_path), placed(approval=Need("approver", 1))
    assert host.refuse(started(), [word(mandate(there))]) == ""
    unsigned = word(msgspec.structs.replace(mandate(there), yeses=()))
    assert "0 of 1 people have signed it." in host.refuse(started(), [unsigned])
    nobody = DrillApprovals(None, PARTY)
    assert "no keys of approvers are pinned" in nobody.refuse(started(), [unsigned])


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (restored("id-other"), "does not name"),
        (restored("id-orders", "id-prod"), "does not name id-prod"),
        (started(), "none that brings any application about"),
        (msgspec.structs.replace(restored(), word=7), "nobody's word"),
    ],
)
def test_what_the_plan_does_not_name_is_not_begun(
    tmp_path: Path, wish: DrillWish, said: str
) -> None:
    signed = word(mandate(restoring()))
    assert said in approvals(tmp_path).refuse(wish, [signed])


# ------------------------------------------------------------------ what stands, and is gone


def config(folder: Path, control: str = "ws://127.0.0.1:1/agent") -> Config:
    (folder / "token").write_text("good-token")
    (folder / "approvers.json").write_bytes(write_pins(PINS))
    return Config(
        name="drill-1",
        control=(control,),
        state=str(folder / "state"),
        token_file=str(folder / "token"),
        address=ADDRESS,
        boot="b0" * 16,
        pins=str(folder / "approvers.json"),
        party=PARTY.name,
        origins=tuple(PARTY.origins),
        realm="drill",
    )


@asynccontextmanager
async def kept(folder: Path) -> AsyncIterator[DrillKeeper]:
    """A keeper that runs; afterwards it is as gone as after SIGKILL: its containers stay."""
    keeper = keeper_of(config(folder))
    task = asyncio.create_task(keeper.run())
    try:
        yield keeper
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(keeper: DrillKeeper, holds: Callable[[DrillReport], bool]) -> DrillReport:
    async with asyncio.timeout(60):
        while not holds(report := await keeper.report()):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.05)
    return report


def stands(report: DrillReport) -> bool:
    return [(one.state, one.is_up) for one in report.facts] == [("stands", True)]


async def test_an_application_stands_until_no_list_has_it_and_nothing_is_left(
    tmp_path: Path,
) -> None:
    async with kept(tmp_path) as keeper:
        await keeper.take(listed(1, started()))
        report = await until(keeper, stands)
        assert [one.name for one in report.left] == ["drp-1-shop"]
        await keeper.take(listed(2))
        report = await until(keeper, lambda one: not one.left)
        assert (report.revision, report.trouble) == (2, "")
    folder = tmp_path / "state"
    assert list((folder / "drills").iterdir()) == []
    assert list((folder / "drill-containers").iterdir()) == []


async def test_a_database_that_cannot_be_restored_says_why_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    signed = word(mandate(restoring()))
    async with kept(tmp_path) as keeper:
        await keeper.take(listed(1, restored(), words=(signed,)))
        report = await until(keeper, lambda one: [f.state for f in one.facts] == ["failed"])
        assert "a restore names its store" in report.facts[0].said
        assert [one.name for one in report.left] == ["drp-1-orders"], "its note was first"
        await keeper.take(listed(2))
        await until(keeper, lambda one: not one.left)


async def test_an_agent_killed_around_the_clean_up_leaves_nothing_behind(tmp_path: Path) -> None:
    """It is found again by whoever comes next: first as what stands, then as what is left."""
    async with kept(tmp_path) as keeper:
        await keeper.take(listed(1, started()))
        await until(keeper, stands)
    async with kept(tmp_path) as keeper:
        await until(keeper, stands)
    DrillBook(tmp_path / "state" / "drills.json").take(listed(2))
    report = await keeper_of(config(tmp_path)).report()
    assert "drp-1-shop" in {one.name for one in report.left}, "it is counted before it is removed"
    async with kept(tmp_path) as keeper:
        report = await until(keeper, lambda one: not one.left)
    assert report.revision == 2


def asleep_in(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], cwd=folder)


async def test_what_nobody_listed_is_told_and_removed_with_its_processes(tmp_path: Path) -> None:
    home = tmp_path / "state" / "drills" / "drp-9-lost"
    home.mkdir(parents=True)
    (home / "data").write_text("x")
    left = asleep_in(home)
    try:
        keeper = keeper_of(config(tmp_path))
        (one,) = (await keeper.report()).left
        assert one.name == "drp-9-lost"
        assert f"process {left.pid} " in one.what[0]
        await keeper.round()
        assert (await keeper.report()).left == ()
        assert left.wait(60) != 0
    finally:
        left.kill()
        left.wait()


async def test_a_round_that_could_not_look_ends_no_drill(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A disk or an engine that hiccups: it is said, and the next round goes on."""
    folder = tmp_path / "state" / "drills"
    async with kept(tmp_path) as keeper:
        folder.rename(tmp_path / "away")
        folder.write_text("no folder")
        report = await until(keeper, lambda _: "a round of drills broke off" in caplog.text)
        assert "could not look everywhere" in report.trouble
        folder.unlink()
        (tmp_path / "away").rename(folder)
        await keeper.take(listed(1, started()))
        await until(keeper, stands)
        await keeper.take(listed(2))
        await until(keeper, lambda one: not one.left)


async def test_an_older_list_begins_nothing_again_however_late(tmp_path: Path) -> None:
    async with kept(tmp_path) as keeper:
        await keeper.take(listed(2))
        await keeper.take(listed(1, started()))
        await keeper.round()
        report = await keeper.report()
    assert (report.revision, report.facts, report.left) == (2, (), ())
    again = DrillBook(tmp_path / "state" / "drills.json")
    assert not again.take(listed(2, started()))
    assert again.newest.wishes == ()


async def test_a_thousand_production_ids_injected_into_a_drill_begin_nothing(
    tmp_path: Path,
) -> None:
    """Forged lists: a drill's plan on production's targets, a disaster's own, no plan at all."""
    names = tuple(f"prod-{n}" for n in range(1000))
    words = (
        placing(Mode.DRILL, "production", names),
        placing(Mode.DISASTER, "production", names),
        PlanWord(run="r", step="one", mandate=""),
        placing(Mode.DRILL, "drill", ("shop",)),
    )
    wishes = [started(f"n-{n}", f"id-{name}", n % 4) for n, name in enumerate(names)]
    keeper = keeper_of(config(tmp_path))
    await keeper.take(listed(1, *wishes, words=words))
    await keeper.round()
    report = await keeper.report()
    assert len(report.facts) == 1000
    assert {one.state for one in report.facts} == {"refused"}
    assert report.left == ()


# ------------------------------------------------------------------ the door


async def test_a_disaster_s_order_is_refused_by_a_drill_host_in_so_many_words(
    tmp_path: Path,
) -> None:
    """The reverse: whatever production would be told comes to nothing here."""
    told: list[str] = []
    heard: asyncio.Queue[str] = asyncio.Queue()
    disaster = word(mandate(made()))

    async def door(socket: ServerConnection) -> None:
        assert socket.request is not None
        told.append(f"{socket.request.path} {socket.request.headers['Authorization']}")
        await socket.send(wire.encode(order(word=disaster)))
        async for text in socket:
            await heard.put(str(text))

    async with serve(door, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        serving = asyncio.create_task(
            serve_drills(config(tmp_path, f"ws://127.0.0.1:{port}/agent"))
        )
        try:
            async with asyncio.timeout(60):
                texts = [await heard.get(), await heard.get()]
        finally:
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving
    assert told[0] == "/drill Bearer good-token"
    outcome = next(text for text in texts if '"outcome"' in text)
    found = wire.decode_from_agent(outcome)
    assert isinstance(found, wire.Outcome)
    assert (found.operation, found.state) == ("op-1", "refused")
    assert ONLY_DRILLS in found.detail
    report = next(text for text in texts if '"drillreport"' in text)
    assert decode_report(report).left == ()
    assert not (tmp_path / "state" / "identity.json").exists(), "it is no host of production"


def test_its_door_is_beside_the_agents_one() -> None:
    assert drill_url("wss://a:1/agent") == "wss://a:1/drill"
