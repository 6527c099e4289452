"""The two service levels and what a month's outages use of them (H5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from recovery.traffic.facts import Level, OutageFact
from recovery.traffic.levels import level_of, month_of, standing_of

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)


def outage(start: datetime, seconds: float | None) -> OutageFact:
    ended = None if seconds is None else start + timedelta(seconds=seconds)
    return OutageFact("shop", start, ended)


def test_one_container_and_two_or_more_are_two_levels() -> None:
    assert [level_of(n) for n in (0, 1, 2, 20)] == [Level.ONE, Level.ONE, Level.MANY, Level.MANY]


def test_a_month_of_thirty_days_allows_43_minutes_or_4_minutes_19_seconds() -> None:
    assert standing_of(1, [], NOW).allowed == pytest.approx(43 * 60 + 12)
    assert standing_of(2, [], NOW).allowed == pytest.approx(4 * 60 + 19.2)


def test_outages_count_within_the_month_and_while_they_last() -> None:
    outages = [
        outage(datetime(2026, 10, 31, 23, 59, 50, tzinfo=UTC), 30),
        outage(NOW - timedelta(hours=1), 12.5),
        outage(NOW - timedelta(seconds=7), None),
    ]
    standing = standing_of(2, outages, NOW)
    assert standing.used == pytest.approx(20 + 12.5 + 7)
    assert standing.left == pytest.approx(259.2 - 39.5)


def test_overlapping_outages_count_once() -> None:
    start = NOW - timedelta(hours=1)
    both = [outage(start, 10), outage(start + timedelta(seconds=5), 10)]
    assert standing_of(1, both, NOW).used == pytest.approx(15)


def test_december_is_followed_by_january() -> None:
    first, following = month_of(datetime(2026, 12, 31, 23, tzinfo=UTC))
    assert (first.month, following.year, following.month) == (12, 2027, 1)
