"""What a returned copy holds beyond its primary, as files: complete, sealed, or not at all."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import psutil
import pytest

from recovery.adapters.backups.directory import DirectoryStore
from recovery.agent.backups.__main__ import main
from recovery.agent.backups.exporting.ordered import Exports
from recovery.core.archive.exports import export_named
from recovery.core.ports import EngineFailed, StoreAway
from recovery.core.wire import DatabaseOrder
from recovery.core.wire.backups import BackupSpec, ExportResult, StoreSpec
from tests.adapters.databases.clients import PostgresClient, ValkeyClient
from tests.adapters.databases.conftest import ENGINES
from tests.adapters.databases.servers import Family, Server

ID = "0a1b2c3d-0000-4000-8000-000000000001"
DIES = """
import asyncio, os, signal, sys
from pathlib import Path
import msgspec
from recovery.adapters.backups.directory import DirectoryStore
from recovery.agent.backups.exporting.ordered import Exports
from recovery.core.ports import Place
from recovery.core.wire import DatabaseOrder
put = DirectoryStore.put
async def dies(self, name, data, **more):
    await put(self, name, data, **more)
    if name.endswith("part-00001"):
        os.kill(os.getpid(), signal.SIGKILL)
DirectoryStore.put = dies
order = msgspec.json.decode(sys.stdin.buffer.read(), type=DatabaseOrder)
place = Place(Path(sys.argv[2]), "127.0.0.1")
asyncio.run(Exports(Path(sys.argv[1]), lambda _: place).export(order))
"""


@dataclass
class Ground:
    """A copy that came back and the primary of now, with two stores. `a` led before."""

    family: Family
    backups: Path
    stores: tuple[Path, Path]

    @property
    def copy(self) -> Server:
        return self.family.servers["a"]

    def order(self, name: str = ID) -> DatabaseOrder:
        stores = tuple(
            StoreSpec(name=path.name, kind="folder", folder=str(path)) for path in self.stores
        )
        backup = BackupSpec(key="k1", stores=stores)
        spec = msgspec.structs.replace(self.copy.spec, role="out", backup=backup)
        return DatabaseOrder(operation=name, epoch=1, verb="export", database=spec)

    async def export(self, name: str = ID) -> ExportResult:
        exports = Exports(self.backups, lambda _: self.copy.place)
        return msgspec.json.decode(await exports.export(self.order(name)), type=ExportResult)

    async def opened(self, into: str, name: str = ID, store: int = 0) -> Path:
        folder = self.backups / into
        said: list[str] = []
        words = ["open", str(self.stores[store]), "--database", "shop", "--export", name]
        words += ["--into", str(folder), "--keys", str(self.backups / "keys")]
        assert await asyncio.to_thread(main, words, said.append) == 0, said
        return folder

    def listed(self, store: int = 0) -> set[str]:
        """Names of the exports that are whole there."""
        found = self.stores[store].rglob("contents")
        return {export_named(str(path.relative_to(self.stores[store]))) for path in found}

    def is_clean(self) -> bool:
        """Nothing of an export runs or lies beside the data."""
        left = list(self.family.folder.rglob("staged-*"))
        mine = str(self.family.folder)
        words = (" ".join(p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"]))
        return not left and not any(f"{mine}/a/staged-" in each for each in words)


async def ground(engine: str, root: Path) -> Ground:
    found = ENGINES[engine]
    (root / "backups").mkdir(mode=0o700)
    keys = root / "backups" / "keys"
    keys.write_text(f"k1 {base64.b64encode(b'k' * 32).decode()}\n")
    keys.chmod(0o600)
    stores = root / "near", root / "far"
    for store in stores:
        store.mkdir()
    family = Family(found.name, found.version, root / "db", found.settings)
    return Ground(family, root / "backups", stores)


@asynccontextmanager
async def diverged(*, forgets: bool = False) -> AsyncIterator[Ground]:
    """PostgreSQL: 1, 2, 3 went over; then the copy that led wrote, changed and deleted, and died.
    `forgets`: its log of that is gone."""
    with TemporaryDirectory(prefix="tocsin-export-") as folder:
        found, client = await ground("postgresql-18", Path(folder)), PostgresClient()
        a, b = await found.family.pair(client)
        for number in (1, 2, 3):
            await client.write(a, number)
        await b.reaches((await a.look()).position)
        await b.stop()
        with client.connect(a) as connection:
            connection.execute("INSERT INTO ledger SELECT generate_series(10, 14)")
            connection.execute("UPDATE ledger SET number = 20 WHERE number = 1")
            connection.execute("DELETE FROM ledger WHERE number = 2")
            with connection.transaction(force_rollback=True):
                connection.execute("INSERT INTO ledger VALUES (99)")
            connection.execute("CREATE TABLE lost (at text, what text)")
            connection.execute("INSERT INTO lost VALUES (%s, %s)", ["noon", 'a "box", blue'])
        if forgets:
            await a.engine._session.rows("SELECT pg_switch_wal()")  # type: ignore[attr-defined]
            await a.stop()
            log = a.engine._layout.files.data / "pg_wal"  # type: ignore[attr-defined]
            for path in sorted(log.glob("0" * 7 + "1*"))[:-1]:
                path.unlink()
        a.kill()
        await b.start()
        found.family.give("b")
        await b.engine.promote(b.spec)
        await client.write(b, 4)
        yield found
        await found.family.close()


@pytest.fixture
async def orders() -> AsyncIterator[Ground]:
    async with diverged() as found:
        yield found


@pytest.fixture
async def forgetful() -> AsyncIterator[Ground]:
    async with diverged(forgets=True) as found:
        yield found


async def test_the_rows_of_lost_transactions_are_files_that_their_key_opens(
    orders: Ground,
) -> None:
    done = await orders.export()
    assert (done.export, done.store, done.files) == (ID, "near", 6)
    assert "public.ledger: 6 rows; public.lost: 1 rows." in done.said
    assert "1 deleted rows are counted, not shown." in done.said
    sealed = [path for path in orders.stores[0].rglob("*") if path.is_file()]
    assert done.objects == len(sealed)
    assert done.bytes == sum(path.stat().st_size for path in sealed)
    assert not any(b"blue" in path.read_bytes() for path in sealed)
    folder = await orders.opened("mine")
    ledger = (folder / "rows/app/public.ledger.csv").read_text().splitlines()
    assert ledger[0] == "tocsin_transaction,number"
    assert sorted(int(row.split(",")[1]) for row in ledger[1:]) == [10, 11, 12, 13, 14, 20]
    lost = (folder / "rows/app/public.lost.csv").read_text()
    assert 'noon,"a ""box"", blue"' in lost, "its table is known to no primary"
    counted = (folder / "transactions.csv").read_text()
    assert ",app,public.ledger,5,0,0\n" in counted
    assert ",app,public.ledger,0,0,1\n" in counted
    assert " UTC,app,public.lost,1,0,0\n" in counted, "and when it committed"
    assert "CREATE TABLE public.lost" in (folder / "schema-app.sql").read_text()
    assert "What this does not show" in (folder / "README.txt").read_text()
    assert orders.copy.folder.exists()
    assert orders.is_clean()
    assert await orders.copy.engine.divergence(orders.copy.spec), "the data are as they were"


async def test_killed_half_way_it_is_not_listed_and_begun_anew(orders: Ground) -> None:
    words = [sys.executable, "-c", DIES, str(orders.backups), str(orders.copy.place.folder)]
    raw = msgspec.json.encode(orders.order())
    dead = await asyncio.to_thread(
        subprocess.run, words, input=raw, capture_output=True, check=False
    )
    assert dead.returncode == -signal.SIGKILL, dead.stderr[-2000:]
    assert len(list(orders.stores[0].rglob("part-*"))) == 2
    assert orders.listed() == set()
    done = await orders.export()
    assert orders.listed() == {ID}
    there = [path for path in orders.stores[0].rglob("*") if path.is_file()]
    assert done.objects == len(there), "nothing of the first try is beside it"
    assert orders.is_clean()


async def test_a_store_that_fails_has_nothing_of_it_and_the_next_one_all(orders: Ground) -> None:
    near, far = orders.stores
    near.rmdir()
    done = await orders.export()
    assert (done.store, orders.listed(1)) == ("far", {ID})
    far.rename(far.with_name("gone"))
    with pytest.raises(StoreAway, match=r"no store took it\. near: .*far: "):
        await orders.export("0a1b2c3d-0000-4000-8000-000000000002")
    assert orders.is_clean()
    assert orders.copy.engine.is_made(), "the copy stays as it is"


async def test_a_copy_that_does_not_start_says_why_and_nothing_is_written(orders: Ground) -> None:
    log = orders.copy.engine._layout.files.data / "pg_wal"  # type: ignore[attr-defined]
    for path in log.glob("0" * 7 + "1*"):
        path.unlink()
    with pytest.raises(EngineFailed, match=r"the copy does not start: .*checkpoint record"):
        await orders.export()
    assert not list(orders.stores[0].rglob("part-*"))
    assert orders.is_clean()


async def test_what_cannot_be_told_is_dumped_whole(forgetful: Ground) -> None:
    done = await forgetful.export()
    assert done.said.startswith("All of it: pg_waldump: ")
    folder = await forgetful.opened("mine")
    assert 'a "box", blue' in (folder / "dump-app.sql").read_text()
    assert "cannot be told" in (folder / "README.txt").read_text()


async def test_what_was_altered_or_is_anothers_does_not_open(orders: Ground) -> None:
    await orders.export()
    store = DirectoryStore("near", orders.stores[0])
    part = next(orders.stores[0].rglob("part-00001"))
    raw = bytearray(part.read_bytes())
    raw[-1] ^= 1
    part.write_bytes(bytes(raw))
    said: list[str] = []
    words = ["open", str(orders.stores[0]), "--database", "shop", "--export", ID]
    words += ["--into", str(orders.backups / "no"), "--keys", str(orders.backups / "keys")]
    assert await asyncio.to_thread(main, words, said.append) == 1
    assert "is altered" in said[0]
    await store.close()


async def test_of_valkey_the_keys_and_what_they_are_worth_are_exported() -> None:
    with TemporaryDirectory(prefix="tocsin-export-") as folder:
        found, client = await ground("valkey-9", Path(folder)), ValkeyClient()
        a, b = await found.family.pair(client)
        await client.write(a, 1)
        await b.reaches((await a.look()).position)
        await b.stop()
        redis = client.connect(a)
        await redis.set("ledger:2", "two", px=3_600_000)
        await redis.hset("basket", mapping={"apples": "3"})
        await redis.set("ledger:1", "another")
        await redis.aclose()
        await a.stop()
        await b.start()
        found.family.give("b")
        await b.engine.promote(b.spec)
        done = await found.export()
        assert done.said == "2 keys only here, 1 with another value."
        lines = (await found.opened("mine") / "keys.jsonl").read_text().splitlines()
        told = {one["key"]: one for one in map(json.loads, lines)}
        assert set(told) == {"ledger:1", "ledger:2", "basket"}
        assert told["ledger:1"]["is"] == "another value on the primary"
        assert told["ledger:2"]["value"] == "two"
        assert 0 < told["ledger:2"]["ttl_ms"] <= 3_600_000
        assert told["basket"]["value"] == [["apples", "3"]]
        assert told["basket"]["ttl_ms"] == -1
        assert found.is_clean()
        await found.family.close()
