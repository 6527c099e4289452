"""How old a recovery point may be, and what is told of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.backups.decide import (
    MOST_BEHIND,
    UNREAD_AFTER,
    Condition,
    advance,
    behind,
    conditions,
    is_frozen,
    reason_of,
    state_of,
)
from recovery.backups.facts import (
    CONTINUOUS,
    DAILY,
    Copy,
    Database,
    JobWord,
    Point,
    PointState,
    Terms,
    terms_of,
)
from recovery.core.ports.snapshots import COPYING
from tests.decisions.backups.build import NOW, PAR1, ago, copy, database, point, whole


def told(*databases: Database, now: datetime = NOW) -> dict[str, Condition]:
    """What is told, by the last words of its key."""
    return {each.key.partition(":")[2]: each for each in conditions(databases, now)}


@pytest.mark.parametrize(
    ("terms", "age", "state"),
    [
        (CONTINUOUS, timedelta(seconds=40), PointState.FRESH),
        (CONTINUOUS, timedelta(minutes=14, seconds=59), PointState.FRESH),
        (CONTINUOUS, timedelta(minutes=15), PointState.WARN),
        (CONTINUOUS, timedelta(minutes=23, seconds=59), PointState.WARN),
        (CONTINUOUS, timedelta(minutes=24), PointState.PAGE),
        (DAILY, timedelta(hours=19, minutes=59), PointState.FRESH),
        (DAILY, timedelta(hours=20), PointState.WARN),
        (DAILY, timedelta(hours=22), PointState.PAGE),
    ],
)
def test_a_promise_warns_and_pages_before_it_is_broken(
    terms: Terms, age: timedelta, state: PointState
) -> None:
    assert state_of(copy(2, NOW - age), terms, NOW) is state


def test_only_continuous_archives_have_half_an_hour_and_a_daily_snapshot_has_a_day() -> None:
    assert [terms_of("postgresql", n).promise for n in (1, 2)] == [timedelta(minutes=30)] * 2
    assert terms_of("postgresql", 3).promise == timedelta(hours=24)
    assert terms_of("valkey", 1).promise == timedelta(hours=24)


def test_what_was_not_read_lately_is_never_told_as_fresh_and_its_age_grows() -> None:
    unread = copy(2, ago(minutes=2), read_at=ago(seconds=61), error="no route to osu2")
    assert state_of(unread, CONTINUOUS, NOW) is PointState.UNREAD
    assert "Not read since 28 Nov 03:06:43 UTC: no route to osu2" in reason_of(
        unread, CONTINUOUS, NOW
    )
    assert state_of(unread, CONTINUOUS, NOW + timedelta(minutes=13)) is PointState.WARN
    assert state_of(unread, CONTINUOUS, NOW + timedelta(minutes=22)) is PointState.PAGE


@settings(deadline=None)
@given(
    age=st.timedeltas(timedelta(0), timedelta(days=3)),
    unread_for=st.timedeltas(timedelta(0), timedelta(days=3)),
    number=st.sampled_from([1, 2, 3]),
    engine=st.sampled_from(["postgresql", "valkey", "mysql"]),
)
def test_fresh_means_young_and_read_whatever_else_holds(
    age: timedelta, unread_for: timedelta, number: int, engine: str
) -> None:
    terms = terms_of(engine, number)
    seen = copy(number, NOW - age, read_at=NOW - unread_for)
    if state_of(seen, terms, NOW) is PointState.FRESH:
        assert age < terms.warn
        assert unread_for <= UNREAD_AFTER


@settings(deadline=None)
@given(
    age=st.timedeltas(timedelta(0), timedelta(days=2)),
    more=st.timedeltas(timedelta(0), timedelta(days=2)),
)
def test_with_time_alone_a_promise_only_gets_worse(age: timedelta, more: timedelta) -> None:
    order = [PointState.FRESH, PointState.UNREAD, PointState.WARN, PointState.PAGE]
    seen = copy(2, NOW - age)
    first, later = (state_of(seen, CONTINUOUS, at) for at in (NOW, NOW + more))
    assert order.index(later) >= order.index(first)


def test_a_new_database_has_its_first_hours_and_then_rings() -> None:
    new = copy(1, None, since=ago(minutes=3))
    assert state_of(new, CONTINUOUS, NOW) is PointState.EMPTY
    assert state_of(replace(new, since=ago(minutes=24)), CONTINUOUS, NOW) is PointState.PAGE


def test_an_archive_of_which_nothing_is_restorable_any_more_rings_at_once() -> None:
    gone = copy(1, None, had_point=True, missing=("no base backup has its manifest.",))
    assert state_of(gone, CONTINUOUS, NOW) is PointState.PAGE
    assert reason_of(gone, CONTINUOUS, NOW) == (
        "Nothing in it can be restored any more. no base backup has its manifest."
    )


def test_a_clock_that_is_ahead_makes_no_point_younger() -> None:
    first = advance(None, NOW + timedelta(hours=3), "0/1", "b", NOW)
    assert first.at == NOW
    fallen = advance(first, NOW + timedelta(hours=2), "0/0", "b", NOW + timedelta(minutes=40))
    assert fallen.at == NOW, "a moment that fell back was not seen to rise"
    seen = copy(2, NOW, point=first, read_at=NOW + timedelta(minutes=24))
    assert state_of(seen, CONTINUOUS, NOW + timedelta(minutes=24)) is PointState.PAGE


@settings(deadline=None)
@given(
    moments=st.lists(st.timedeltas(timedelta(days=-2), timedelta(days=2)), min_size=1, max_size=12)
)
def test_no_order_of_readings_makes_a_point_younger_than_its_last_rise(
    moments: list[timedelta],
) -> None:
    point, rose = None, NOW
    for step, moment in enumerate(moments):
        now = NOW + timedelta(minutes=step)
        rose = now if point is None or NOW + moment > point.moment else rose
        point = advance(point, NOW + moment, "", "", now)
        assert point.at <= rose
        assert point.at <= NOW + moment


def test_a_first_copy_that_is_on_its_way_is_no_store_that_cannot_be_read() -> None:
    error = f"par1-cloud: the volume of snap-1 {COPYING}."
    first = copy(3, read_at=ago(minutes=2), since=ago(minutes=9), error=error)
    first = replace(first, had_point=False, proven_at=None)
    key = "store-mrs1:unread"
    assert key not in told(database("orders-pg", *whole()[:2], first))
    slow = replace(first, read_at=ago(minutes=61))
    assert key in told(database("orders-pg", *whole()[:2], slow))
    away = replace(first, error="par1-cloud: connection refused.")
    assert key in told(database("orders-pg", *whole()[:2], away))
    assert key in told(database("orders-pg", *whole()[:2], replace(first, had_point=True)))


def test_a_green_job_over_a_frozen_catalogue_is_caught_within_a_minute() -> None:
    """The archiver says ok each minute; the archive ends five minutes ago."""
    frozen = copy(1, ago(minutes=5), job=JobWord(NOW))
    assert not is_frozen(frozen, CONTINUOUS)
    later = replace(frozen, job=JobWord(NOW + timedelta(seconds=1)))
    assert is_frozen(later, CONTINUOUS)
    found = told(database("orders-pg", later, *whole()[1:]))
    assert found["key-orders-pg:1:frozen"].rings
    assert "ends at 28 Nov 03:02:44 UTC" in found["key-orders-pg:1:frozen"].body


def test_a_daily_job_that_said_ok_over_yesterday_s_backup_is_caught_too() -> None:
    yesterday = copy(1, ago(hours=19), job=JobWord(ago(minutes=3)))
    assert is_frozen(yesterday, DAILY)
    assert not is_frozen(replace(yesterday, job=JobWord(ago(hours=18))), DAILY)
    assert not is_frozen(replace(yesterday, job=None), DAILY), "nobody said that it was well"


@pytest.mark.parametrize(("seconds", "is_told"), [(60, False), (61, True)])
def test_replica_2_is_told_of_when_it_is_more_than_a_minute_behind(
    seconds: int, is_told: bool
) -> None:
    first, _, third = whole()
    late = database("orders-pg", first, copy(2, ago(seconds=4 + seconds)), third)
    assert ("key-orders-pg:behind" in told(late)) is is_told


def test_a_daily_backup_that_is_not_in_replica_2_yet_is_behind_since_it_was_in_replica_1() -> None:
    first = copy(1, ago(minutes=10))
    second = copy(2, ago(hours=24), passed_at=ago(seconds=50))
    assert behind(first, second, NOW) == timedelta(seconds=50)
    assert behind(first, replace(second, passed_at=None), NOW) > timedelta(hours=23)
    assert behind(second, first, NOW) == timedelta(0)
    assert behind(first, None, NOW) == behind(None, second, NOW) == timedelta(0)


def test_nothing_is_told_of_a_database_that_keeps_every_promise() -> None:
    assert told(database()) == {}


def test_a_point_that_is_late_rings_with_its_age_and_its_promise() -> None:
    first, _, third = whole()
    found = told(database("crm-pg", first, copy(2, ago(minutes=34)), third))
    assert set(found) == {"key-crm-pg:behind", "key-crm-pg:2:late"}
    late = found["key-crm-pg:2:late"]
    assert late.rings
    assert late.title == "crm-pg: replica 2 in OSU2 could lose 34 min of 30 min promised"
    assert late.body.startswith("Restorable up to 28 Nov 02:33:44 UTC")


def test_a_point_that_ages_is_told_of_and_wakes_nobody() -> None:
    first, second, _ = whole()
    found = told(database("crm-pg", first, second, copy(3, ago(hours=21))))
    assert set(found) == {"key-crm-pg:3:ageing"}
    assert not found["key-crm-pg:3:ageing"].rings


def test_a_missing_piece_and_a_backup_that_nobody_restored_for_a_month_are_told_of() -> None:
    first, second, third = whole()
    gap = ("no chunk from 0/3000000 on timeline 1.",)
    holed = replace(first, missing=gap, missing_since=ago(seconds=31), is_cut=True)
    old = replace(third, proven_at=ago(days=30, minutes=1))
    found = told(database("orders-pg", holed, second, old))
    assert set(found) == {"key-orders-pg:1:gap", "key-orders-pg:3:unproven"}
    assert found["key-orders-pg:1:gap"].rings
    early = replace(holed, is_cut=False)
    assert not told(database("orders-pg", early))["key-orders-pg:1:gap"].rings
    young = replace(holed, missing_since=ago(seconds=29))
    assert "key-orders-pg:1:gap" not in told(database("orders-pg", young))


def test_a_replica_that_does_not_exist_is_told_of() -> None:
    found = told(database("orders-pg", whole()[0]))
    assert found["key-orders-pg:absent"].title == "orders-pg has no replica 2 and 3"


def test_a_store_that_nobody_can_read_is_told_of_once_and_rings_when_promises_may_break() -> None:
    """Forty databases in one dead store are one alarm, not forty."""
    error = "connection refused"
    far = [copy(2, ago(minutes=5), read_at=ago(minutes=4), error=error) for _ in range(40)]
    many = [database(f"db-{n:02}", copy(1, ago(seconds=5)), one) for n, one in enumerate(far)]
    keys = [each.key for each in conditions(many, NOW)]
    assert keys.count("store:store-osu2:unread") == 1
    assert not any(key.endswith((":late", ":ageing", ":behind")) for key in keys)
    later = [replace(each, copies=(each.copies[0], each.copies[1])) for each in many]
    found = {each.key: each for each in conditions(later, NOW + timedelta(minutes=19))}
    late = found["store:store-osu2:late"]
    assert late.rings
    assert "40 promises may be broken" in late.title
    assert error in late.body


def test_a_replica_that_was_just_set_up_is_not_told_of_before_its_first_look() -> None:
    """Nor are the two that are not described yet; ten minutes later they are."""
    new = Copy("k", 1, "store-par1", PAR1, since=ago(seconds=20))
    assert told(database("orders-pg", new)) == {}
    old = replace(new, since=ago(minutes=11), read_at=NOW)
    assert set(told(database("orders-pg", old))) == {"key-orders-pg:absent"}


def test_what_nobody_writes_to_is_not_rung_for_again_by_its_age() -> None:
    """Its loss is told elsewhere, and no archive can get younger; what is gone still rings."""
    first, second, third = whole()
    stands = replace(first, point=point(ago(minutes=40)))
    late = database("wiki-pg", stands, second, third)
    assert set(told(late)) == {"key-wiki-pg:1:late"}
    assert told(replace(late, is_written=False)) == {}
    gone = replace(second, point=None)
    down = database("wiki-pg", stands, gone, third, is_written=False)
    assert set(told(down)) == {"key-wiki-pg:2:late"}


@settings(deadline=None)
@given(st.lists(st.sampled_from(range(1, 4)), unique=True, min_size=1), st.integers(0, 4000))
def test_every_condition_has_a_key_of_its_own_and_says_whose_it_is(
    numbers: list[int], minutes: int
) -> None:
    copies = tuple(copy(n, ago(minutes=minutes), read_at=ago(minutes=n)) for n in sorted(numbers))
    found = conditions([database("a", *copies), database("b", *copies)], NOW)
    keys = [each.key for each in found]
    assert len(keys) == len(set(keys))
    assert all(len(each.key) <= 120 and each.title and each.body for each in found)
    assert timedelta(seconds=60) == MOST_BEHIND


def test_the_point_keeps_what_it_was_read_with() -> None:
    assert point(NOW) == Point(NOW, NOW, "0/3000000", "20261128T000000Z-5f3a")


def test_an_unusual_backup_is_told_of_once_not_once_a_replica() -> None:
    odd = tuple(replace(each, unusual="Backup b is unusual: it has 1 KiB.") for each in whole())
    assert set(told(database("orders-pg", *odd))) == {"key-orders-pg:1:outlier"}


def test_a_restore_test_that_failed_rings_until_one_passes() -> None:
    first, second, third = whole()
    torn = replace(second, disproof="part-00007 was altered: its digest is another one.")
    found = told(database("orders-pg", first, torn, third))
    assert found["key-orders-pg:2:disproved"].rings
    assert "part-00007" in found["key-orders-pg:2:disproved"].body


def test_an_archive_with_nothing_to_restore_is_told_of_once_with_the_piece_that_is_missing() -> (
    None
):
    first, second, third = whole()
    gap = ("the log of backup b to 0/3000100 is missing",)
    gone = replace(second, point=None, missing=gap, missing_since=ago(minutes=9), is_cut=True)
    found = told(database("orders-pg", first, gone, third))
    assert gap[0] in found["key-orders-pg:2:late"].body
    assert "key-orders-pg:2:gap" not in found
