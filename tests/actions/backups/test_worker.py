"""What the worker runs: real folders through wiring, and a disk that hangs."""

from __future__ import annotations

import inspect
import re
import threading
from pathlib import Path

import pytest
from celery.app.task import Task
from django.conf import settings
from django.db import connection

from dashboard.celery import app
from recovery import tasks, wiring
from recovery.audit.models import AuditEntry
from recovery.backups import actions, looking
from recovery.backups.cycle import open_store
from recovery.backups.facts import StoreKind
from recovery.backups.looking import look_at
from recovery.backups.models import ArchiveSight, BackupReplica, Store
from recovery.backups.queries import archives_to_read
from recovery.core import clock
from recovery.core.alone import alone_with
from recovery.core.errors import BadConfiguration
from recovery.core.ports import ObjectInfo
from recovery.inventory.models import Datacenter
from tests.actions.backups.ground import assign
from tests.actions.failover.fleet import describe
from tests.support.archives import MemoryStore, write_base, write_wal
from tests.support.fleet import BY, NOW, make_fleet

pytestmark = pytest.mark.django_db


def folder_store(folder: Path) -> Store:
    make_fleet()
    store = actions.register_store(
        name="disk-par1",
        kind=StoreKind.DIRECTORY,
        place=Datacenter.objects.get(name="PAR1"),
        address=str(folder),
        actor=BY,
        reason="test",
        now=NOW,
    )
    assign(describe("orders-pg"), 1, store)
    return store


def test_the_task_reads_a_real_folder_and_judges(tmp_path: Path) -> None:
    folder_store(tmp_path)
    now = clock.system.now()
    memory = MemoryStore("names")
    write_base(memory, "orders-pg", now)
    write_wal(memory, "orders-pg", upto=now, begin="0/2000000", end="0/2000200")
    for name, info in memory.held.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(info.size))
    tasks.watch_backups()
    sight = ArchiveSight.objects.get()
    assert sight.moment is not None
    assert abs((sight.moment - now).total_seconds()) < 0.001
    assert (sight.error, sight.objects_there) == ("", 4)
    assert BackupReplica.objects.get().state == "fresh"
    (
        tmp_path
        / write_wal(
            memory, "orders-pg", upto=clock.system.now(), begin="0/2000200", end="0/2000300"
        )
    ).touch()
    tasks.follow_backups()
    sight.refresh_from_db()
    assert sight.lsn == "0/2000300"


def test_a_folder_that_is_not_there_is_an_error_of_the_look_alone(tmp_path: Path) -> None:
    folder_store(tmp_path / "unmounted")
    tasks.watch_backups()
    assert "is not there" in ArchiveSight.objects.get().error


def test_a_disk_that_hangs_holds_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The thread that waits for it is left behind; the look itself ends in its time."""
    monkeypatch.setattr(looking, "LISTED_WITHIN", 0.1)
    folder_store(tmp_path)
    release = threading.Event()

    class Hung(MemoryStore):
        async def list(self, prefix: str = "") -> list[ObjectInfo]:
            import asyncio

            await asyncio.to_thread(release.wait, 60)
            return []

    began = clock.system.monotonic()
    try:
        (look,) = look_at(archives_to_read(), opened=lambda row: Hung(row.name), now=NOW)
    finally:
        release.set()
    assert clock.system.monotonic() - began < 10
    assert look.reading is None
    assert look.error.startswith("No answer within")


def test_a_store_that_cannot_be_opened_says_which_setting_is_at_fault() -> None:
    with pytest.raises(BadConfiguration, match="has no secret_key"):
        wiring.store_at(
            kind="s3",
            name="s3",
            address="http://127.0.0.1:1",
            bucket="b",
            credentials={"access_key": "a"},
            patience=1.0,
        )
    odd = Store(name="odd", kind="tape", address="/dev/st0")
    with pytest.raises(BadConfiguration, match="kind tape"):
        open_store(odd)


@pytest.mark.parametrize(("name", "seconds"), [("watch-backups", 30), ("follow-backups", 5)])
def test_beat_pokes_the_worker_often_enough(name: str, seconds: int) -> None:
    """An alarm within a minute of its threshold; a quote within seconds of the truth."""
    entry = app.conf.beat_schedule[name]
    assert entry["schedule"] <= seconds
    assert entry["options"]["expires"] <= entry["schedule"]
    assert isinstance(app.tasks[entry["task"]], Task)


def test_forgetting_writes_no_entry(tmp_path: Path) -> None:
    folder_store(tmp_path)
    before = AuditEntry.objects.count()
    tasks.forget_points()
    assert AuditEntry.objects.count() == before


def test_while_a_store_hangs_no_second_job_of_a_kind_asks_it_and_a_hand_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[bool] = []
    monkeypatch.setattr("recovery.backups.snapshots.keep_snapshots", lambda **_: begun.append(True))
    holding, done = threading.Event(), threading.Event()

    def hang() -> None:
        with alone_with("job:keep_snapshots") as is_ours:
            assert is_ours
            holding.set()
            done.wait(30)
        connection.close()

    other = threading.Thread(target=hang)
    other.start()
    try:
        assert holding.wait(30)
        tasks.keep_snapshots()
        assert not begun
    finally:
        done.set()
        other.join(30)
    tasks.keep_snapshots()
    assert begun == [True]
    assert len(tasks.ASKING) < settings.CELERY_WORKER_CONCURRENCY


def test_every_job_that_asks_a_store_is_one_of_a_kind() -> None:
    """By what it opens: a new one that hangs must not take the last hand."""
    opens = {
        name
        for name, job in inspect.getmembers(tasks, lambda found: isinstance(found, Task))
        if re.search("open_store|snapshots|lending", inspect.getsource(inspect.unwrap(job.run)))
    }
    assert opens == set(tasks.ASKING)
