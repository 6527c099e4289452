"""kill -9 of the agent at each step, and of a store: nothing is lost, nothing comes twice, and
nothing half-restored is left."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
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
from tests.agent.backups.fields import CLIENT, ONCE, Archive, Ledger, fill, primary_of, written
from tests.agent.backups.recorded import Recorded
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


@dataclass
class Lives:
    """An agent's, one after the other."""

    folder: Path
    process: asyncio.subprocess.Process

    async def live(self, verb: str, spec: dict[str, Any]) -> int:
        """The signal that ended it, 0 when it ended by itself."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        path = self.folder / "spec.json"
        path.write_text(json.dumps(spec))
        self.process.stdin.write(f"{verb} {path}\n".encode())
        async with asyncio.timeout(60):
            return int(await self.process.stdout.readline())


@pytest.fixture
async def lives(tmp_path: Path) -> AsyncIterator[Lives]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.agent.backups.act"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    yield Lives(tmp_path, process)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


@ONCE
async def test_an_agent_killed_at_each_step_of_archiving_loses_and_doubles_nothing(
    family: Family, tmp_path: Path, folder_store: DirectoryStore, lives: Lives
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
        assert await lives.live("archive", spec) == signal.SIGKILL, step
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


@ONCE
async def test_a_restore_killed_at_each_step_leaves_nothing_and_then_succeeds(
    family: Family, recorded: Recorded, folder_store: DirectoryStore, lives: Lives
) -> None:
    scene = recorded(family, folder_store)
    b = family.servers["b"]
    for step in [["get", 1], ["get", 2], ["get", 4], *[[phase] for phase in PHASES]]:
        spec = {
            "store": str(folder_store.folder),
            "target": str(b.folder),
            "version": family.version,
            "die": step,
        }
        assert await lives.live("restore", spec) == signal.SIGKILL, step
        assert not (b.folder / "data").exists()
        assert len(list(b.folder.glob("restore-*"))) <= 1, step
    await Restore(Source(folder_store, KEYS, "shop"), b.place, family.version).run()
    assert list(b.folder.glob("restore-*")) == []
    family.give("b")
    await b.start()
    assert scene.ledger.up_to(scene.moment) <= await CLIENT.numbers(b)


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
    await until(lambda: archive.archiver and archive.archiver.fact().stores[1].trouble)
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
async def test_a_store_that_goes_away_in_mid_backup_and_mid_restore_is_waited_for(
    family: Family, tmp_path: Path, own: Seaweed
) -> None:
    """Killed and begun anew, then silent for longer than anybody waits for one answer."""
    server = await written(family)
    fill(server, "md5((n * 64 + k)::text)", 56)
    bucket = S3Store("replica 2", own.bucket("backups"), patience=2)
    archive = Archive(tmp_path / "spool", [bucket])
    archive.start(server)

    def parts(kind: str = "/part-") -> int:
        assert archive.archiver is not None
        return sum(kind in name for name in archive.archiver.carriers[0].has)

    await until(lambda: parts() > 0)
    own.kill()
    assert parts("/manifest") == 0, "it was in the middle of it"
    await until(lambda: archive.archiver and archive.archiver.carriers[0].trouble)
    own.start()
    before = parts()
    await until(lambda: parts() > before)
    own.pause()
    await until(lambda: archive.archiver and archive.archiver.carriers[0].trouble)
    own.go_on()
    seen = await archive.covers(bucket, system.now())
    assert (seen.missing, seen.orphans) == ((), ())
    server.kill()
    await archive.stop()

    b = family.servers["b"]
    work = Restore(Source(bucket, KEYS, "shop", patience=60), b.place, family.version)
    running = asyncio.create_task(work.run())
    await until(lambda: work.progress.done > 0)
    own.kill()
    await asyncio.sleep(1)
    own.start()
    killed_at = work.progress.done
    await until(lambda: work.progress.done > killed_at)
    own.pause()
    await asyncio.sleep(3)
    own.go_on()
    async with asyncio.timeout(60):
        done = await running
    assert done.size > 56 << 20
    assert list(b.folder.glob("restore-*")) == []
    family.give("b")
    await b.start()
    with CLIENT.connect(b) as session:
        assert session.execute("SELECT count(*) FROM filler").fetchone() == (56 << 10,)
    await bucket.close()
