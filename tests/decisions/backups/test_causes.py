"""One cause is one alarm, which names it; what hangs is told before it was missed three times."""

from __future__ import annotations

from dataclasses import replace

from recovery.backups.decide import conditions, state_of
from recovery.backups.facts import CONTINUOUS, JobWord, PointState
from tests.decisions.backups.build import NOW, ago, copy, database, point, whole
from tests.decisions.backups.test_promises import told


def test_a_missing_piece_is_one_alarm_that_names_it_with_what_comes_of_it() -> None:
    first, second, third = whole()
    said = "no chunk from 0/3000000 on timeline 1, between 28 Nov 02:24:40 and 02:24:44 UTC"
    holed = replace(
        second,
        point=point(ago(minutes=43)),
        job=JobWord(NOW),
        missing=(f"{said}: 9 later chunks are useless",),
        missing_since=ago(seconds=1),
        is_cut=True,
    )
    found = told(database("records-pg", first, holed, third))
    assert set(found) == {"key-records-pg:2:gap"}, "late, frozen and behind come of it"
    gap = found["key-records-pg:2:gap"]
    assert gap.rings
    assert gap.title == f"records-pg, replica 2: {said}"
    assert "could lose 43 min of 30 min promised" in gap.body
    elsewhere = told(database("records-pg", first, replace(holed, is_cut=False), third))
    assert {"key-records-pg:2:late", "key-records-pg:2:frozen", "key-records-pg:behind"} <= set(
        elsewhere
    ), "a hole that cuts nothing off explains nothing"
    just = replace(holed, point=second.point, job=None)
    assert told(database("records-pg", first, just, third)) == {}, "it may come yet"


def test_a_look_that_failed_is_told_before_three_were_missed() -> None:
    hung = copy(2, ago(seconds=40), read_at=ago(seconds=36), error="No answer within 15 s.")
    assert state_of(hung, CONTINUOUS, NOW) is PointState.UNREAD
    assert state_of(replace(hung, error=""), CONTINUOUS, NOW) is PointState.FRESH
    assert state_of(replace(hung, read_at=ago(seconds=20)), CONTINUOUS, NOW) is PointState.FRESH
    first, _, third = whole()
    found = conditions([database("orders-pg", first, hung, third)], NOW)
    assert [each.key for each in found] == ["store:store-osu2:unread"]
