"""Tocsin's own database, archived and brought back on real servers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from recovery.adapters.backups.directory import DirectoryStore
from recovery.adapters.databases.postgresql.replication import Replication
from recovery.core.archive import coverage
from recovery.core.clock import system
from recovery.core.errors import Refused
from recovery.core.ports import EngineAway, StoreFull
from recovery.core.wire.backups import StoreSpec
from recovery.engines import first
from recovery.engines.postgres import FORGETFUL, Cluster
from recovery.engines.roles import ARCHIVER, DATABASE
from recovery.engines.state import State, write_private
from recovery.own import bundle
from recovery.own.archiving import keep
from recovery.own.folder import OwnFolder
from recovery.own.keeping import spool_of
from recovery.own.restoring import Wish, restore, store_of
from recovery.own.server import NAME, Server
from tests.support.running import ROOT

SETTINGS = FORGETFUL | {"max_connections": "20", "shared_buffers": "16MB"}
SLOTS = "SELECT count(*) FROM pg_replication_slots"
PRIVATE, PUBLIC = bundle.make_recovery_key()
COMMAND = """
import sys
from pathlib import Path
from recovery.engines.state import State
from recovery.own.restoring import Wish, restore, store_of
state = State(Path(sys.argv[1]))
restore(state, store_of(state, 2), Wish(), lambda said: None)
"""


class Ground:
    """A state folder with its database, and two stores."""

    def __init__(self, folder: Path) -> None:
        self.state = State(folder / "var")
        self.state.prepare()
        self.stores = [folder / "one", folder / "two"]
        for store in self.stores:
            store.mkdir()
        self.cluster = self.started()
        first.ensure_own_database(self.cluster, self.state)
        first.ensure_archiver(self.cluster, self.state)
        self.do("CREATE TABLE said (word text)")

    def started(self) -> Cluster:
        self.cluster = Cluster(self.state.folder / "postgres", settings=SETTINGS)
        self.cluster.start()
        return self.cluster

    def configure(self) -> OwnFolder:
        own = OwnFolder(self.state.folder)
        for number, store in enumerate(self.stores, start=1):
            spec = StoreSpec(name=store.name, kind="folder", folder=str(store))
            own.put_store(number, spec)
        write_private(own.recovery, PUBLIC)
        return own

    def do(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.cluster.superuser_url(DATABASE), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def say(self, word: str) -> None:
        self.do(f"INSERT INTO said VALUES ('{word}')")  # noqa: S608 - our own words

    def words(self) -> list[str]:
        return [str(word) for (word,) in self.do("SELECT word FROM said ORDER BY 1")]


@pytest.fixture
def ground() -> Iterator[Ground]:
    with TemporaryDirectory(prefix="tocsin-own-") as folder:
        made = Ground(Path(folder))
        try:
            yield made
        finally:
            made.cluster.stop()


async def archived(ground: Ground, until: Callable[[], bool]) -> None:
    """The archiver runs until this holds."""
    running = asyncio.create_task(keep(ground.state))
    try:
        async with asyncio.timeout(60):
            while not await asyncio.to_thread(until):  # noqa: ASYNC110 - another thread's answer
                await asyncio.sleep(0.2)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def holds(ground: Ground, number: int) -> Callable[[], bool]:
    """Whether this store could give back what was written by now, and has the keys."""
    written, store = system.now(), DirectoryStore("store", ground.stores[number - 1])

    def found() -> bool:
        seen = asyncio.run(store.list())
        moment = coverage(each for each in seen if each.name.startswith(f"{NAME}/")).moment
        has_keys = any(each.name.startswith(bundle.PREFIX) for each in seen)
        return has_keys and moment is not None and moment > written

    return found


def is_well(ground: Ground) -> bool:
    """As the worker hears it."""
    told = OwnFolder(ground.state.folder).told()
    if told is None or told.fact.state != "streaming":
        return False
    return not (told.fact.trouble or told.keys or any(one.missing for one in told.fact.stores))


async def kept(ground: Ground) -> None:
    """Everything that is written is in both stores."""
    for number in (1, 2):
        await archived(ground, holds(ground, number))


@pytest.mark.timeout(240)
async def test_a_machine_that_lost_everything_gets_its_rows_and_keys_back_with_the_recovery_key(
    ground: Ground,
) -> None:
    ground.configure()
    ground.say("first")
    await kept(ground)
    await archived(ground, lambda: is_well(ground))
    before = bundle.files_of(ground.state.folder)
    await asyncio.to_thread(ground.cluster.stop)
    shutil.rmtree(ground.state.folder)
    store, said = DirectoryStore("the store", ground.stores[1]), ""

    def back(recovery: str) -> str:
        heard: list[str] = []
        restore(ground.state, store, Wish(recovery=recovery), heard.append)
        return "".join(heard)

    with pytest.raises(Refused, match="has not the keys"):
        await asyncio.to_thread(back, "")
    with pytest.raises(Refused, match="sealed to another recovery key"):
        await asyncio.to_thread(back, bundle.make_recovery_key()[0])
    assert not (ground.state.folder / "postgres" / "data").exists()
    said = await asyncio.to_thread(back, PRIVATE)
    assert "files of keys are back" in said
    assert bundle.files_of(ground.state.folder) == before
    await asyncio.to_thread(ground.started)
    assert ground.words() == ["first"]
    ((timeline,),) = ground.do("SELECT timeline_id FROM pg_control_checkpoint()")
    assert timeline == 2, "so the rows are held at the next start (core/incarnations.py)"
    ground.say("second")
    first.ensure_archiver(ground.cluster, ground.state)
    await kept(ground)


@pytest.mark.timeout(240)
async def test_a_restore_that_is_killed_leaves_what_is_in_place_and_is_begun_anew(
    ground: Ground,
) -> None:
    ground.configure()
    ground.say("kept")
    await kept(ground)
    ground.say("newer than the archive")
    await asyncio.to_thread(ground.cluster.stop)
    home = ground.cluster.seat.folder
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", COMMAND, str(ground.state.folder), cwd=ROOT, stdout=subprocess.DEVNULL
    )
    while not list(home.glob("restore-*.partial")):
        assert process.returncode is None
        await asyncio.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    await asyncio.to_thread(ground.started)
    assert ground.words() == ["kept", "newer than the archive"], "nothing in place was touched"
    await asyncio.to_thread(ground.cluster.stop)
    await asyncio.to_thread(
        restore, ground.state, store_of(ground.state, 2), Wish(), lambda said: None
    )
    assert not list(home.glob("restore-*.partial"))
    assert [each.name for each in (home / "kept").iterdir()], "the old data are kept aside"
    await asyncio.to_thread(ground.started)
    assert ground.words() == ["kept"]


@pytest.mark.timeout(240)
async def test_a_restore_begins_a_history_above_those_that_any_store_knows(ground: Ground) -> None:
    """Store 2 is of before the restores that store 1 has seen; a third one is away, and is named
    and not waited for."""
    own = ground.configure()
    await kept(ground)
    line = next(ground.stores[0].glob(f"{NAME}/*"))
    (line / "wal" / "00000006").mkdir(parents=True)
    (line / "wal" / "00000006" / "history-00000001-0000000003000148").write_bytes(b"sealed")
    own.put_third(StoreSpec(name="three", kind="folder", folder=str(ground.stores[0] / "away")))
    await asyncio.to_thread(ground.cluster.stop)
    said: list[str] = []
    done = await asyncio.to_thread(
        restore, ground.state, store_of(ground.state, 2), Wish(), said.append
    )
    assert done.timeline == 7
    assert "Replica 3 could not be asked which histories it has" in "".join(said)


async def test_without_stores_no_slot_is_left_and_an_archiver_is_no_reader_of_rows(
    ground: Ground,
) -> None:
    own = ground.configure()
    await archived(ground, lambda: ground.do(SLOTS) == [(1,)])
    (own.path / "stores.json").unlink()
    await archived(ground, lambda: ground.do(SLOTS) == [(0,)])
    url = ground.cluster.url(ARCHIVER, ground.state.secret("archiver"), DATABASE)
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT word FROM public.said")
    ((bound,),) = ground.do("SHOW max_slot_wal_keep_size")
    assert bound == "1GB", "a slot never fills the disk of Tocsin's own database"


@pytest.mark.timeout(240)
async def test_its_replicas_are_restored_beside_and_read_back_and_a_flipped_byte_is_found(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = ground.configure()
    own.put_third(StoreSpec(name="three", kind="folder", folder=str(ground.stores[1])))
    monkeypatch.setattr("recovery.own.proving.LOOK_SECONDS", 0.2)
    await kept(ground)
    part = sorted(ground.stores[0].glob(f"{NAME}/*/base/*/part-00000"))[0]
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)

    def are_told() -> bool:
        told = own.told()
        return told is not None and set(told.proofs) == {1, 2, 3}

    await archived(ground, are_told)
    told = own.told()
    assert told is not None
    assert "part-00000 is altered" in told.proofs[1].failure
    for number in (2, 3):
        assert told.proofs[number].failure == ""
        assert told.proofs[number].canary is not None
    assert not (own.path / "proof").exists(), "nothing of it is left"
    assert ground.words() == [], "and nothing in place was touched"


async def test_a_base_backup_waits_for_its_servers_checkpoint_and_nothing_else_does(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server says nothing until it has spread the checkpoint over minutes."""
    monkeypatch.setattr("recovery.adapters.databases.postgresql.replication.PATIENCE", 0.5)
    words = dict(Server.of(ground.state).words) | {"dbname": "postgres"}
    async with await Replication.open(words, kind="false") as connection:
        results = connection.begin("SELECT pg_sleep(1.5)", first_within=30)
        assert [result.ntuples async for result in results] == [1]
        with pytest.raises(EngineAway, match="silent"):
            await connection.ask("SELECT pg_sleep(1.5)")


async def test_the_spool_leaves_the_disk_to_the_database_that_it_shares_it_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = OwnFolder(tmp_path)
    folder.spool.mkdir(parents=True)
    spool = spool_of(folder)
    await spool.put("a", b"piece")
    monkeypatch.setattr("recovery.adapters.backups.polite.RESERVE", 1 << 60)
    with pytest.raises(StoreFull, match="left to Tocsin's own database"):
        await spool.put("b", b"piece")
    assert [each.name for each in await spool.list()] == ["a"]


def test_a_running_tocsin_is_never_restored_under_its_feet(tmp_path: Path) -> None:
    state = State(tmp_path / "var")
    state.prepare()
    store = DirectoryStore("the store", tmp_path)
    with state.take_lock(), pytest.raises(Refused, match="already runs"):
        restore(state, store, Wish(), lambda said: None)


def test_an_empty_cluster_is_never_made_where_an_archive_is_known(tmp_path: Path) -> None:
    state = State(tmp_path)
    first.check_not_lost(state)
    spec = StoreSpec(name="one", kind="folder", folder=str(tmp_path))
    OwnFolder(tmp_path).put_store(2, spec)
    assert json.loads((tmp_path / "own/stores.json").read_text())["2"]["name"] == "one"
    with pytest.raises(first.FirstStepFailed, match="own restore"):
        first.check_not_lost(state)
