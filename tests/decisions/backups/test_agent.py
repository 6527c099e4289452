"""Where an archive goes on, and when a base is due."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recovery.adapters.databases.postgresql.forks import history
from recovery.agent.backups.decide import (
    IN_FLIGHT,
    RESERVE,
    TELLING,
    End,
    base_is_due,
    ends_of,
    furthest,
    next_leg,
    of_now,
    pause,
    room_for,
    slowness,
    snapshot_is_due,
    still_fits,
)
from recovery.agent.backups.making import kept_of
from recovery.core.archive import SEGMENT, RetentionPolicy, coverage, retention
from recovery.core.errors import Refused
from recovery.core.ports import EngineFailed
from recovery.core.wire.backups import BackupSpec
from tests.decisions.archive.build import LINE, at, base, chunk, snapshot, whole

ONE = history(1, "")


def position(segments: float) -> int:
    return int(segments * SEGMENT)


def descended(*switches: float) -> str:
    """A history file: timeline 1 was left at the first of these, 2 at the second."""
    lines = (f"{n}\t0/{position(each):X}\twhy\n" for n, each in enumerate(switches, start=1))
    return "".join(lines)


def test_an_empty_archive_begins_with_the_segment_in_which_the_server_is() -> None:
    assert next_leg(None, 3, position(4.7), ONE) == End(3, position(4))


def test_an_archive_goes_on_exactly_where_it_ends() -> None:
    assert next_leg(End(1, position(4.3)), 1, position(4.7), ONE) == End(1, position(4.3))


def test_a_server_whose_log_ends_before_the_archive_is_refused() -> None:
    with pytest.raises(Refused, match="it lost a part of its data, or is another one"):
        next_leg(End(1, position(4.8)), 1, position(4.7), ONE)


@pytest.mark.parametrize("has", [4.0, 4.2, 4.5, 4.9])
def test_after_a_failover_the_new_timeline_begins_with_its_first_segment(has: float) -> None:
    ended = history(2, descended(4.5))
    assert next_leg(End(1, position(has)), 2, position(5), ended) == End(2, position(4))


def test_an_archive_that_is_a_segment_behind_first_gets_the_rest_of_the_old_timeline() -> None:
    ended = history(2, descended(4.5))
    assert next_leg(End(1, position(3.9)), 2, position(5), ended) == End(1, position(3.9))


def test_of_two_failovers_each_timeline_is_archived_that_has_a_segment_of_its_own() -> None:
    far, near = history(3, descended(4.5, 6.5)), history(3, descended(4.5, 4.7))
    assert next_leg(End(1, position(4.2)), 3, position(7), far) == End(2, position(4))
    assert next_leg(End(1, position(4.2)), 3, position(7), near) == End(3, position(4))


@pytest.mark.parametrize("timeline", [2, 9])
def test_a_server_that_does_not_descend_from_the_archive_is_refused(timeline: int) -> None:
    with pytest.raises(Refused, match="not the primary that the archive follows"):
        next_leg(End(timeline, position(4)), 1, position(5), ONE)


def test_the_end_is_the_furthest_chunk_of_the_same_system() -> None:
    names = [chunk(3, 4).name, chunk(3, 3.5, timeline=2).name, "shop/x/odd"]
    names.append(chunk(2, 3).name)
    assert ends_of(names, LINE.system) == (End(1, position(4)), End(2, position(3.5)))
    assert ends_of(names, "another") == ()


def test_a_server_that_was_restored_from_before_the_newest_history_leaves_it() -> None:
    """It descends from timeline 1 as its archive has 2: it is 3, and goes on from 1."""
    ends = (End(1, position(4.9)), End(2, position(8)))
    ended = history(3, f"1\t0/{position(4.5):X}\twhy\n")
    assert furthest(ends, 3, ended) == End(1, position(4.9))
    assert next_leg(furthest(ends, 3, ended), 3, position(5), ended) == End(3, position(4))
    assert furthest((End(2, position(8)),), 3, ended) is None, "it begins anew, with a base"


def test_an_old_primary_that_went_on_does_not_leave_the_newest_history() -> None:
    ends = (End(1, position(4.9)), End(2, position(8)))
    assert furthest(ends, 1, ONE) == End(2, position(8))
    assert furthest(ends, 2, history(2, descended(4.5))) == End(2, position(8))
    assert furthest((), 2, ONE) is None


BASE = base(0, position(3))
DAY = timedelta(days=1)


def due(objects: list, minute: float, system: str = LINE.system) -> bool:  # type: ignore[type-arg]
    return base_is_due(coverage(objects), at(minute), DAY, system)


def test_a_base_is_due_when_there_is_none_of_this_system() -> None:
    assert due([], 0)
    assert due([*whole(BASE), chunk(3, 4, 1)], 1, "another")
    assert not due([*whole(BASE), chunk(3, 4, 1)], 1)


def test_a_base_is_due_when_the_newest_is_old() -> None:
    objects = [*whole(BASE), chunk(3, 4, 1)]
    assert not due(objects, 24 * 60 - 1)
    assert due(objects, 24 * 60)


def test_a_base_is_due_as_soon_as_its_log_has_a_gap() -> None:
    assert due([*whole(BASE), chunk(3, 4, 1), chunk(5, 6, 2)], 1)


def test_the_end_of_a_log_may_come_a_little_after_its_base() -> None:
    late = base(0, position(3), position(4))
    assert not due([*whole(late), chunk(3, 3.5, 1)], 1)
    assert due([*whole(late), chunk(3, 3.5, 1)], 11)


def test_a_base_that_was_named_by_a_clock_ahead_keeps_no_later_one_away() -> None:
    """And the later one, whose name is older, is the newest: none is made again and again."""
    ahead = base(60 * DAY / timedelta(minutes=1), position(3))
    objects = [*whole(ahead), chunk(3, 4, 1)]
    assert due(objects, 5)
    later = [*objects, *whole(base(5, position(4))), chunk(4, 5, 6)]
    assert not due(later, 7)
    assert not due([*later, chunk(5, 6, 8)], 24 * 60)
    assert due([*later, chunk(5, 6, 8)], 24 * 60 + 5)


def test_a_snapshot_that_was_named_by_a_clock_ahead_keeps_no_later_one_away() -> None:
    """Not for the year that it stood ahead; nor is what was taken since removed for it."""
    every, now = timedelta(days=1), at(60 * 24 * 3)
    assert snapshot_is_due([], now, every)
    assert snapshot_is_due([at(500_000)], now, every)
    assert not snapshot_is_due([at(500_000), now - timedelta(hours=1)], now, every)
    assert snapshot_is_due([now - every], now, every)
    wrong, right = whole(snapshot(500_000)), whole(snapshot(60))
    log = chunk(3, 4, 500_000)
    assert of_now([*wrong, *right, log], now) == (*right, log)
    gone = retention(of_now([*wrong, *right], now), now, RetentionPolicy(backups=1, days=0))
    assert gone == ()


@pytest.mark.parametrize(
    ("failed", "seconds"), [(0, 30), (1, 60), (2, 120), (5, 960), (7, 3600), (2000, 3600)]
)
def test_who_failed_is_tried_again_twice_as_late_each_time(failed: int, seconds: float) -> None:
    waits = [pause(failed, 60, 3600, dice) for dice in (0.0, 0.5, 1.0)]
    assert waits == [0.75 * seconds, seconds, 1.25 * seconds]


def test_a_base_goes_on_while_its_rest_fits_as_it_packs_so_far() -> None:
    """A tenth of its data's size is enough where they pack to a tenth."""
    done, took = TELLING, TELLING // 10
    rest = (1 << 30) - done
    still_fits("shop", 1 << 30, done, took, rest // 10 + RESERVE)
    with pytest.raises(EngineFailed) as stopped:
        still_fits("shop", 1 << 30, done, took, rest // 10 + RESERVE - (2 << 20))
    assert str(stopped.value).startswith(
        "The base backup of shop was stopped: 64 MiB of 1024 MiB took 6 MiB of the spool's disk, "
        "the rest needs about 96 MiB beside 16 MiB for the log, and 110 MiB are free"
    )
    assert "Nothing of it is left, and the log goes on." in str(stopped.value)


def test_before_it_is_known_how_a_base_packs_only_what_is_on_its_way_has_to_fit() -> None:
    still_fits("shop", 1 << 40, 8 << 20, 8 << 20, IN_FLIGHT + RESERVE)
    with pytest.raises(EngineFailed, match="was stopped"):
        still_fits("shop", 1 << 40, 8 << 20, 8 << 20, IN_FLIGHT + RESERVE - 1)
    still_fits("shop", 100 << 20, 99 << 20, 99 << 20, (1 << 20) + RESERVE)


def test_a_base_that_would_fill_the_disk_of_its_log_is_refused_with_the_figures() -> None:
    room_for("shop", 100 << 20, (100 << 20) + RESERVE)
    with pytest.raises(Refused) as refused:
        room_for("shop", 100 << 20, (100 << 20) + RESERVE - 1)
    assert str(refused.value) == (
        "No base backup of shop is begun: it needs about 100 MiB of the spool's disk beside 16 MiB "
        "for the log, and 116 MiB are free. Free space there, or give the spool a larger disk."
    )


def test_a_slow_store_is_told_with_its_lag_and_its_speed() -> None:
    said = slowness("replica 2, Lyon", timedelta(seconds=75), 14, 310e3)
    assert said == (
        "replica 2, Lyon is slow: its log is 75 s behind, 14 objects wait, and the last one went "
        "at 0.31 MB/s."
    )
    assert "none has gone through yet" in slowness("r", timedelta(seconds=75), 14, 0.0)


def test_what_is_archived_says_how_much_time_may_pass_between_two_objects() -> None:
    asked = BackupSpec(key="k", stores=(), backups=3, days=9.0)
    hour, day = timedelta(hours=1), timedelta(days=1)
    assert kept_of(asked, "postgresql") == RetentionPolicy(backups=3, days=9.0, gap=hour)
    assert kept_of(asked, "valkey").gap == 2 * day
    rare = BackupSpec(key="k", stores=(), every=3 * 86400.0)
    assert kept_of(rare, "redis").gap == 6 * day, "one of them may fail"
