"""kill -9 of the agent at each step, and of a store: nothing is lost, nothing comes twice, and
nothing half-restored is left."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from recovery.adapters.backups.directory import DirectoryStore
from recovery.adapters.backups.s3 import S3Store
from recovery.agent.backups.fetch import Source
from recovery.agent.backups.restore import Restore
from recovery.core.archive import Chunk, coverage, parse
from recovery.core.clock import system
from tests.adapters.backups.conftest import KEYS
from tests.adapters.databases.servers import Family
from tests.agent.backups.fields import CLIENT, ONCE, Archive, Ledger, primary_of, written
from tests.support.seaweed import Seaweed
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[3]
STEPS = [
    (place, when, count)
    for place in ("spool", "store")
    for when in ("before", "after")
    for count in (1, 3)
]
pytestmark = pytest.mark.timeout(300)
PHASES = ["fetching the log", "replaying the log", "asking it", "putting in place"]


async def lived(verb: str, spec: dict[str, Any], folder: Path) -> int:
    """One life of the agent; gives the signal that ended it, 0 when it ended by itself."""
    path = folder / "spec.json"
    path.write_text(json.dumps(spec))
    argv = [sys.executable, "-m", "tests.agent.backups.act", verb, str(path)]
    process = await asyncio.create_subprocess_exec(
        *argv, cwd=ROOT, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        return -(await asyncio.wait_for(process.wait(), 60))
    except BaseException:
        process.kill()
        await process.wait()
        raise


async def test_an_agent_killed_at_each_step_of_archiving_loses_and_doubles_nothing(
    family: Family, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    server = await written(family)
    primary = primary_of(server)
    spool = tmp_path / "spool"
    spool.mkdir()
    ledger = Ledger(server, payload=50)
    ledger.start()
    for step in STEPS:
        spec = {
            "words": dict(primary.replication),
            "probe": dict(primary.probe),
            "version": primary.version,
            "spool": str(spool),
            "store": str(folder_store.folder),
            "die": step,
        }
        assert await lived("archive", spec, tmp_path) == signal.SIGKILL, step
    archive = Archive(spool, [folder_store])
    archive.start(server)
    await ledger.stop()
    seen = await archive.covers(folder_store, ledger.last)
    server.kill()
    await archive.stop()
    assert seen.missing == ()
    objects = await folder_store.list("shop/")
    names = [parse(each.name) for each in objects]
    chunks = sorted((each for each in names if isinstance(each, Chunk)), key=lambda c: c.order)
    for one, other in pairwise(chunks):
        assert one.stop == other.start
    parts = {each.name for each in objects if "/part-" in each.name}
    told = {each.name for each in coverage(objects).orphans}
    whole = {
        str(backup.name.part(number))
        for backup in seen.backups
        for number in range(backup.name.parts)
    }
    assert parts == told | whole
    b = family.servers["b"]
    done = await Restore(Source(folder_store, KEYS, "shop"), b.place, family.version).run()
    family.give("b")
    await b.start()
    assert ledger.up_to(done.moment) == set(ledger.acknowledged)
    assert set(ledger.acknowledged) <= await CLIENT.numbers(b)


async def test_a_restore_killed_at_each_step_leaves_nothing_and_then_succeeds(
    family: Family, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    server = await written(family)
    archive = Archive(tmp_path / "spool", [folder_store])
    archive.start(server)
    for number in range(20):
        await CLIENT.write(server, number)
    await archive.covers(folder_store, system.now())
    server.kill()
    await archive.stop()
    b = family.servers["b"]
    for step in [["get", 1], ["get", 2], ["get", 4], *[[phase] for phase in PHASES]]:
        spec = {
            "store": str(folder_store.folder),
            "target": str(b.folder),
            "version": family.version,
            "die": step,
        }
        assert await lived("restore", spec, tmp_path) == signal.SIGKILL, step
        assert not (b.folder / "data").exists()
        assert len(list(b.folder.glob("restore-*"))) <= 1, step
    await Restore(Source(folder_store, KEYS, "shop"), b.place, family.version).run()
    assert list(b.folder.glob("restore-*")) == []
    family.give("b")
    await b.start()
    assert set(range(20)) <= await CLIENT.numbers(b)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Seaweed]:
    service = Seaweed(tmp_path / "weed")
    service.start()
    service.make("backups")
    try:
        yield service
    finally:
        service.kill()


@ONCE
async def test_a_store_that_is_killed_and_hangs_holds_up_nobody_but_itself_and_catches_up(
    family: Family, tmp_path: Path, folder_store: DirectoryStore, own: Seaweed
) -> None:
    server = await written(family)
    bucket = S3Store("replica 2", own.bucket("backups"), patience=2)
    archive = Archive(tmp_path / "spool", [folder_store, bucket])
    archive.start(server)
    ledger = Ledger(server, payload=50)
    ledger.start()
    await until(lambda: ledger.acknowledged)
    await archive.covers(bucket, ledger.last)
    own.kill()
    await asyncio.sleep(1)
    await archive.covers(folder_store, ledger.last)
    assert archive.archiver is not None
    await until(lambda: archive.archiver and archive.archiver.fact().stores[1].trouble, 30)
    assert archive.archiver.fact().stores[1].missing > 0
    own.start()
    await archive.covers(bucket, ledger.last)
    own.pause()
    await asyncio.sleep(1)
    await archive.covers(folder_store, ledger.last)
    own.go_on()
    await ledger.stop()
    seen = await archive.covers(bucket, ledger.last)
    assert seen.missing == ()
    await archive.stop()
    await bucket.close()


@ONCE
async def test_a_store_that_goes_away_in_mid_restore_is_waited_for(
    family: Family, tmp_path: Path, own: Seaweed
) -> None:
    server = await written(family)
    bucket = S3Store("replica 2", own.bucket("backups"), patience=2)
    archive = Archive(tmp_path / "spool", [bucket])
    archive.start(server)
    await CLIENT.write(server, 1)
    await archive.covers(bucket, system.now())
    server.kill()
    await archive.stop()
    b = family.servers["b"]
    work = Restore(Source(bucket, KEYS, "shop", patience=60), b.place, family.version)
    running = asyncio.create_task(work.run())
    await until(lambda: work.progress.done > 0, 30)
    own.kill()
    await asyncio.sleep(1)
    own.start()
    await asyncio.wait_for(running, 60)
    family.give("b")
    await b.start()
    assert 1 in await CLIENT.numbers(b)
    await bucket.close()
