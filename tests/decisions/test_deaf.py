"""Which hosts are heard and take no orders."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from recovery.inventory.facts import DEAF_AFTER, deaf_hosts

NOW = datetime(2026, 11, 29, 11, 23, tzinfo=UTC)


def test_a_host_takes_no_orders_once_its_session_is_silent_while_others_tell() -> None:
    at_its_edge, beyond = NOW - DEAF_AFTER, NOW - DEAF_AFTER - timedelta(seconds=1)
    told = {"a": NOW, "b": at_its_edge, "c": beyond, "never told": None}
    assert deaf_hosts(told) == {"c": beyond}


def test_an_outage_of_the_control_plane_makes_no_host_deaf() -> None:
    """Nobody could tell it anything: all are as silent as each other."""
    assert not deaf_hosts({"a": NOW - timedelta(hours=2), "b": NOW - timedelta(hours=2)})
    assert not deaf_hosts({})
