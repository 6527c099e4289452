"""The archives themselves are read; what was read is kept with its instant."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recovery.audit.models import AuditEntry
from recovery.backups import actions, looking
from recovery.backups.actions.hours import KEPT_HOURS
from recovery.backups.facts import PointState
from recovery.backups.models import (
    ArchiveSight,
    BackupReplica,
    BackupRun,
    RecoveryHour,
    RecoveryPoint,
)
from recovery.core.ports.stores import StoreAway
from tests.actions.backups.ground import back_up, later, make_ground, snap
from tests.support.archives import write_base, write_wal
from tests.support.fleet import NOW

pytestmark = pytest.mark.django_db


def sight(number: int, name: str = "orders-pg") -> ArchiveSight:
    return ArchiveSight.objects.get(replica__database__name=name, replica__number=number)


def test_a_recovery_point_is_what_the_archive_can_restore_not_what_it_holds() -> None:
    ground = make_ground()
    write_base(ground.stores["s3-par1"], "orders-pg", NOW - timedelta(hours=1))
    assert ground.read(NOW) == 0, "a base without the log to its own end restores nothing"
    assert "lacks its log" in sight(1).missing[0]
    back_up(ground, upto=later(seconds=-4))
    assert ground.read(later(seconds=20)) == 3
    one = sight(1)
    assert (one.moment, one.lsn, one.missing) == (later(seconds=-4), "0/2000200", [])
    assert one.seen_at == one.read_at == later(seconds=20)


def test_the_point_moves_before_a_gap_at_once_and_the_quote_with_it() -> None:
    ground = make_ground()
    back_up(ground, upto=NOW)
    store = ground.stores["s3-osu2"]
    middle = write_wal(
        store, "orders-pg", upto=later(minutes=1), begin="0/2000200", end="0/2000300"
    )
    write_wal(store, "orders-pg", upto=later(minutes=2), begin="0/2000300", end="0/2000400")
    ground.read(later(minutes=2))
    assert sight(2).moment == later(minutes=2)
    del store.held[middle]
    ground.read(later(minutes=2, seconds=20))
    two = sight(2)
    assert two.moment == NOW
    assert two.is_cut
    (said,) = two.missing
    assert said.startswith("no chunk from 0/2000200 on timeline 1, between")
    assert said.endswith("1 later chunk is useless")
    assert two.missing_since == later(minutes=2, seconds=20)


def test_a_store_that_cannot_be_asked_keeps_its_point_with_the_reason() -> None:
    ground = make_ground()
    back_up(ground, upto=NOW)
    ground.read(NOW)
    ground.stores["s3-osu2"].error = StoreAway("s3-osu2 does not answer.")
    ground.read(later(minutes=3))
    two = sight(2)
    assert (two.moment, two.read_at, two.looked_at) == (NOW, NOW, later(minutes=3))
    assert two.error == "s3-osu2 does not answer."
    assert sight(1).read_at == later(minutes=3), "the others are read all the same"


def test_a_store_that_hangs_delays_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "LISTED_WITHIN", 0.05)
    ground = make_ground()
    back_up(ground, upto=NOW)
    ground.stores["s3-par1"].hangs = True
    ground.read(NOW)
    assert sight(1).error.startswith("No answer within")
    assert sight(1).read_at is None
    assert sight(2).moment == NOW


def test_a_look_that_is_older_than_what_stands_changes_nothing() -> None:
    """Two workers read at once; the slower one is the older look."""
    ground = make_ground()
    back_up(ground, upto=NOW)
    ground.read(later(seconds=40))
    ground.stores.made.clear()
    assert ground.read(later(seconds=20)) == 0
    assert sight(1).moment == NOW


def test_reading_the_same_again_writes_no_history_and_no_entry() -> None:
    ground = make_ground()
    back_up(ground, upto=NOW)
    ground.read(NOW)
    before = RecoveryPoint.objects.count(), AuditEntry.objects.count()
    assert ground.read(later(seconds=20)) == 0
    assert (RecoveryPoint.objects.count(), AuditEntry.objects.count()) == before


def test_the_history_has_a_row_a_minute_and_a_row_at_once_when_a_point_falls_back() -> None:
    ground = make_ground()
    store = ground.stores["s3-par1"]
    back_up(ground, upto=NOW)
    replica = BackupReplica.objects.get(number=1)
    names = []
    for step in range(1, 13):
        at, begin = later(seconds=20 * step), 0x2000200 + 0x100 * (step - 1)
        span = {"begin": f"0/{begin:X}", "end": f"0/{begin + 0x100:X}"}
        names.append(write_wal(store, "orders-pg", upto=at, **span))
        ground.read(at)
    kept = RecoveryPoint.objects.filter(replica=replica)
    assert kept.count() == 4, "four minutes, read three times a minute"
    del store.held[names[5]]
    ground.read(later(seconds=250))
    newest = kept.first()
    assert newest is not None
    assert newest.moment == later(seconds=100)


def test_the_history_is_bounded() -> None:
    ground = make_ground()
    back_up(ground, upto=NOW)
    ground.read(NOW)
    assert actions.forget_points(now=later(hours=24)) == 0
    assert actions.forget_points(now=later(hours=24, seconds=1)) == 2, "replicas 1 and 2"
    assert actions.forget_points(now=later(days=48, seconds=1)) == 1, "replica 3 is daily"


def test_of_each_hour_the_oldest_that_a_point_was_stays_for_a_week_and_a_day() -> None:
    ground = make_ground()
    back_up(ground, upto=NOW)
    for seconds in (60, 1800, 0):
        ground.read(later(seconds=seconds))
    hour, moment = NOW.replace(minute=0, second=0), sight(1).moment

    def worst() -> list[timedelta | None]:
        rows = RecoveryHour.objects.filter(replica__number=1, hour=hour)
        return list(rows.values_list("worst", flat=True))

    assert moment is not None
    assert worst() == [later(seconds=1800) - moment], "an older look than the last says nothing"
    ground.stores["s3-par1"].held.clear()
    ground.read(later(seconds=1801))
    assert worst() == [None], "there was nothing to restore"
    actions.forget_points(now=hour + KEPT_HOURS)
    assert worst() == [None]
    actions.forget_points(now=hour + KEPT_HOURS + timedelta(seconds=1))
    assert worst() == []


def test_finished_backups_are_noted_once_with_their_size_and_time() -> None:
    ground = make_ground(engine="valkey", name="cache")
    snap(ground, later(hours=-30), "par1")
    snap(ground, later(hours=-6), "par1")
    ground.read(NOW)
    ground.read(later(seconds=20))
    rows = BackupRun.objects.filter(replica__number=1).order_by("begun_at")
    assert [(r.bytes, r.ended_at - r.begun_at) for r in rows] == [(5200, timedelta(seconds=10))] * 2


def test_a_backup_that_shrank_is_told_of() -> None:
    ground = make_ground(engine="valkey", name="cache")
    for day in range(7, 1, -1):
        snap(ground, later(days=-day), "par1")
    ground.read(NOW)
    assert sight(1, "cache").unusual == ""
    store = ground.stores["s3-par1"]
    for name in list(store.held):
        if "part" in name and "20261121" in name:
            del store.held[name]
    from tests.support.archives import write_snapshot

    write_snapshot(store, "cache", later(hours=-1), size=40_000)
    ground.read(later(seconds=20))
    assert "it has 39.3 KiB, 5.1 KiB are usual" in sight(1, "cache").unusual


def test_the_number_of_queries_does_not_grow_with_the_databases(
    django_assert_max_num_queries: object,
) -> None:
    ground = make_ground()
    back_up(ground, upto=NOW)
    assert callable(django_assert_max_num_queries)
    with django_assert_max_num_queries(12):
        ground.read(NOW)
    with django_assert_max_num_queries(3):
        ground.facts()


def test_a_daily_copy_is_behind_since_replica_1_had_more() -> None:
    ground = make_ground(engine="valkey", name="cache")
    snap(ground, later(hours=-20), "par1", "osu2", "mrs1")
    ground.read(NOW)
    snap(ground, later(seconds=5), "par1")
    ground.read(later(seconds=30))
    second = ground.facts("cache").copy(2)
    assert second is not None
    assert second.passed_at == later(seconds=30)
    assert second.state is PointState.EMPTY, "not judged yet"
