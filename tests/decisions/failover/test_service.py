"""What outages used of a database's month: overlaps once, clipped, an open one until now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from recovery.failover.service import service_of
from recovery.inventory.facts import Plan

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_an_outage_of_the_month_is_counted_once_and_an_open_one_until_now() -> None:
    first = datetime(2026, 11, 1, tzinfo=UTC)
    gaps = [
        (first - 5 * MINUTE, first + 2 * MINUTE),
        (NOW - 60 * MINUTE, NOW - 50 * MINUTE),
        (NOW - 55 * MINUTE, NOW - 45 * MINUTE),
    ]
    found = service_of(Plan.STARTER, gaps, NOW - 3 * MINUTE, NOW, is_measured=True)
    assert found.used == 60 * (2 + 15 + 3)
    assert found.allowed == 0.005 * 30 * 86400 or abs(found.allowed - 12960) < 1e-6
    assert not found.is_spent


def test_a_month_that_used_more_than_its_plan_allows_says_so() -> None:
    gaps = [(NOW - 60 * MINUTE, NOW)]
    found = service_of(Plan.BUSINESS, gaps, None, NOW, is_measured=True)
    assert found.is_spent
    assert found.left == 0.0


def test_where_nobody_writes_nothing_is_claimed() -> None:
    assert not service_of(Plan.STARTER, [], None, NOW, is_measured=False).is_measured
