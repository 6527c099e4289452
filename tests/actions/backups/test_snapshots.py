"""Replica 3: the provider's daily snapshot, whole or not at all, whenever who is killed."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import pytest

from recovery.adapters.backups.directory import DirectoryStore
from recovery.adapters.snapshots.ec2 import Ec2Provider
from recovery.backups import actions, cycle, daily, queries
from recovery.backups.facts import SnapshotState, StoreKind
from recovery.backups.models import ArchiveSight, BackupReplica, SnapshotRun, Store
from recovery.backups.snapshots import Outside, keep_snapshots
from recovery.core.clock import system
from recovery.core.ports import ObjectStore, SnapshotProvider
from recovery.inventory.models import Datacenter
from tests.actions.backups.ground import Ground, assign, make_ground
from tests.adapters.snapshots.conftest import FAR, HOME, KEYS, Lab
from tests.adapters.snapshots.conftest import lab as lab  # noqa: PLC0414 - a fixture
from tests.support.archives import MemoryStore, write_base, write_wal
from tests.support.fleet import BY, NOW

pytestmark = pytest.mark.django_db
WAITING = threading.Event()
HOST = "par1-r1-h1"


class Killed(BaseException):
    """As SIGKILL: nothing after it is done."""


@dataclass
class Dying:
    """A provider whose caller is killed right after the call of this number."""

    provider: SnapshotProvider
    left: list[int]

    def __getattr__(self, name: str) -> object:
        found = getattr(self.provider, name)
        if not callable(found):
            return found

        def called(*words: object) -> object:
            answer = found(*words)
            self.left[0] -= 1
            if self.left[0] == 0:
                raise Killed
            return answer

        return called


@dataclass
class Cloud:
    """The rows of two sites and what answers behind them."""

    lab: Lab
    ground: Ground
    left: list[int] = field(default_factory=lambda: [0])

    @property
    def outside(self) -> Outside:
        return Outside(self.provider, self.volume)

    def provider(self, row: Store) -> SnapshotProvider:
        return Dying(self.lab.provider(row.bucket), self.left)  # type: ignore[return-value]

    def volume(self, row: Store, volume: str) -> ObjectStore:
        return DirectoryStore(row.name, self.lab.folder / "disks" / row.bucket / "volumes" / volume)

    def turn(self, now: datetime = NOW) -> None:
        keep_snapshots(outside=self.outside, now=now)

    def until(self, holds: Callable[[], bool], now: datetime = NOW) -> None:
        """Round after round; the provider copies meanwhile."""
        deadline = system.monotonic() + 90
        while system.monotonic() < deadline:
            if holds():
                return
            self.turn(now)
            WAITING.wait(0.1)
        raise AssertionError([run.said for run in SnapshotRun.objects.all()])

    @property
    def far(self) -> Ec2Provider:
        return self.lab.provider(FAR)

    @property
    def home(self) -> Ec2Provider:
        return self.lab.provider(HOME)

    def kept(self) -> int:
        return SnapshotRun.objects.filter(state=SnapshotState.KEPT).count()


def cloud_store(lab: Lab, name: str, site: str, place: str) -> Store:
    return actions.register_store(
        name=name,
        kind=StoreKind.SNAPSHOT,
        place=Datacenter.objects.get(name=place),
        address=f"http://127.0.0.1:{lab.ports[site]}",
        bucket=site,
        credentials={
            "access_key": KEYS[0],
            "secret_key": KEYS[1],
            "mounts": str(lab.folder / "disks" / site / "volumes"),
        },
        actor=BY,
        reason="test",
        now=NOW,
    )


@pytest.fixture
def cloud(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """A database of PAR1 whose host's spool has a base and its log, and two sites."""
    ground = make_ground()
    monkeypatch.setattr("tests.adapters.snapshots.conftest.HOST", HOST)
    lab.stop(HOME)
    lab.start(HOME)
    cloud_store(lab, "par1-cloud", HOME, "PAR1")
    replica = BackupReplica.objects.get(database__name="orders-pg", number=3)
    assign(replica.database, 3, cloud_store(lab, "mrs1-cloud", FAR, "MRS1"))
    memory = ground.stores["s3-par1"]
    write_base(memory, "orders-pg", NOW - timedelta(minutes=9))
    write_wal(memory, "orders-pg", upto=NOW, begin="0/2000000", end="0/2000900")
    ground.read(NOW)
    fill(lab, memory)
    return Cloud(lab, ground)


def fill(lab: Lab, memory: MemoryStore) -> None:
    """The spool has the same names."""
    for name in memory.held:
        path = lab.spool / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() * 50)


def test_the_newest_moment_of_replica_3_is_read_from_the_snapshot_itself(cloud: Cloud) -> None:
    cloud.until(lambda: cloud.kept() == 1)
    cycle.read_archives(opened=cycle.open_store, now=NOW + timedelta(seconds=20))
    point = cloud.ground.facts().copy(3)
    assert point is not None
    assert point.point is not None
    assert point.point.moment == NOW
    (run,) = SnapshotRun.objects.all()
    assert (run.host, run.said, run.volume != "") == (HOST, "", True)
    assert cloud.home.find({}) == []
    assert [each.id for each in cloud.far.find({})] == [run.snapshot]


def test_nothing_is_asked_before_its_row_stands_and_a_day_has_one(cloud: Cloud) -> None:
    cloud.left[0] = 1
    with pytest.raises(Killed):
        cloud.turn()
    assert SnapshotRun.objects.get().state == SnapshotState.RUNNING
    assert cloud.home.find({}) == []
    cloud.until(lambda: cloud.kept() == 1)
    cloud.turn()
    assert SnapshotRun.objects.count() == 1
    cloud.until(lambda: cloud.kept() == 2, NOW + daily.EVERY)


@pytest.mark.parametrize("call", [1, 2, 3, 4, 6, 7, 9, 12])
def test_killed_after_any_call_it_goes_on_and_doubles_nothing(cloud: Cloud, call: int) -> None:
    cloud.left[0] = call
    died = False
    deadline = system.monotonic() + 90
    while not cloud.kept() and system.monotonic() < deadline:
        try:
            cloud.turn()
        except Killed:
            died = True
        WAITING.wait(0.1)
    run = SnapshotRun.objects.get()
    assert run.state == SnapshotState.KEPT
    assert died or cloud.left[0] > 0
    assert cloud.home.find({}) == []
    assert [each.id for each in cloud.far.find({})] == [run.snapshot]
    assert [each.id for each in cloud.far.volumes(run.snapshot)] == [run.volume]


def test_before_there_is_a_backup_no_snapshot_is_taken(cloud: Cloud) -> None:
    ArchiveSight.objects.update(moment=None, seen_at=None)
    cloud.turn()
    assert not SnapshotRun.objects.exists()


def test_a_snapshot_from_which_nothing_can_be_restored_is_not_kept(cloud: Cloud) -> None:
    shutil.rmtree(cloud.lab.spool)
    cloud.until(lambda: SnapshotRun.objects.filter(state=SnapshotState.FAILED).exists())
    assert "Nothing in it could be restored." in SnapshotRun.objects.get().said
    assert cloud.far.find({}) == []
    cloud.turn(NOW + timedelta(minutes=1))
    assert SnapshotRun.objects.count() == 1
    fill(cloud.lab, cloud.ground.stores["s3-par1"])
    cloud.until(lambda: cloud.kept() == 1, NOW + daily.AGAIN_AFTER)


def test_what_is_in_its_way_is_told_and_after_hours_given_up(cloud: Cloud) -> None:
    cloud.lab.stop(HOME)
    cloud.turn()
    assert "par1-cloud" in SnapshotRun.objects.get().said or HOME in SnapshotRun.objects.get().said
    late = NOW + daily.GIVEN_UP_AFTER + timedelta(minutes=1)
    cloud.turn(late)
    run = SnapshotRun.objects.get()
    assert (run.state, run.ended_at) == (SnapshotState.FAILED, late)
    assert run.said.startswith("It did not come to an end.")


def test_what_a_run_that_came_to_nothing_left_at_the_provider_goes(cloud: Cloud) -> None:
    cloud.until(lambda: bool(cloud.far.find({})))
    run = SnapshotRun.objects.get()
    late = NOW + daily.GIVEN_UP_AFTER + timedelta(minutes=1)
    cloud.turn(late)
    run.refresh_from_db()
    assert run.state == SnapshotState.FAILED
    left = [each.id for each in cloud.far.find({}) + cloud.home.find({})]
    assert left, "it may still be on its way"
    later = late + daily.AGAIN_AFTER + timedelta(minutes=1)
    cloud.until(lambda: not SnapshotRun.objects.filter(state=SnapshotState.FAILED).exists(), later)
    run.refresh_from_db()
    assert (run.state, run.ended_at) == (SnapshotState.GONE, late)
    cloud.until(lambda: cloud.kept() == 1, later)
    ids = [each.id for each in cloud.far.find({})]
    assert ids == [SnapshotRun.objects.get(state=SnapshotState.KEPT).snapshot]
    assert cloud.home.find({}) == []
    assert not set(left) & set(ids)


def test_killed_after_any_call_that_clears_it_clears_the_rest(cloud: Cloud) -> None:
    cloud.until(lambda: bool(cloud.far.find({})))
    late = NOW + daily.GIVEN_UP_AFTER + timedelta(minutes=1)
    cloud.turn(late)
    later = late + daily.AGAIN_AFTER + timedelta(minutes=1)
    for call in range(1, 12):
        cloud.left[0] = call
        with suppress(Killed):
            cloud.turn(later)
    cloud.left[0] = 0
    cloud.until(lambda: cloud.kept() == 1, later)
    assert SnapshotRun.objects.get(begun_at=NOW).state == SnapshotState.GONE
    kept = SnapshotRun.objects.get(state=SnapshotState.KEPT)
    assert [each.id for each in cloud.far.find({})] == [kept.snapshot]
    assert [each.id for each in cloud.far.volumes(kept.snapshot)] == [kept.volume]


def test_a_site_that_nobody_described_is_told(cloud: Cloud) -> None:
    run = actions.begin_snapshot(
        replica=BackupReplica.objects.get(number=3), slot=0, host="osu2-r1-h1", actor=BY, now=NOW
    )
    assert run is not None
    cloud.turn()
    run.refresh_from_db()
    assert "Nobody said where the provider answers" in run.said


def is_settled(at: datetime, many: int) -> bool:
    kept = SnapshotRun.objects.filter(state=SnapshotState.KEPT)
    with_volume = SnapshotRun.objects.exclude(volume="")
    is_kept = kept.filter(begun_at=at).exists()
    return is_kept and (kept.count(), with_volume.count()) == (many, 1)


def test_old_snapshots_and_their_volumes_go(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daily, "KEPT", 2)
    monkeypatch.setattr(daily, "WITH_VOLUME", 1)
    for day in range(3):
        at = NOW + day * daily.EVERY
        cloud.until(partial(is_settled, at, min(day + 1, 2)), at)
    states = SnapshotRun.objects.order_by("begun_at").values_list("state", flat=True)
    assert list(states) == ["gone", "kept", "kept"]
    assert len(cloud.far.find({})) == 2
    newest = SnapshotRun.objects.order_by("begun_at").last()
    assert newest is not None
    assert [v.id for s in cloud.far.find({}) for v in cloud.far.volumes(s.id)] == [newest.volume]


def test_agents_are_not_told_of_it_and_its_log_is_not_followed(cloud: Cloud) -> None:
    cloud.until(lambda: cloud.kept() == 1)
    cycle.read_archives(opened=cycle.open_store, now=NOW + timedelta(seconds=20))
    assert "mrs1-cloud" not in {one.store.name for one in queries.archives_to_follow()}
