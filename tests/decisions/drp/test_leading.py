"""Users count as led where they were seen to be answered, and by nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from recovery.drp.leading import ApplicationLed, DatabaseLed, led_application, led_database
from recovery.drp.sights import Heard
from recovery.traffic.facts import Answer

NOW = datetime(2026, 11, 29, 3, 12, tzinfo=UTC)
SHOP = ApplicationLed("shop", 2, ("http://10.0.0.2:20000",), answers=Answer.YES, rate=0.98)
ORDERS = DatabaseLed(
    "orders",
    "osu2-r1-h1",
    "OSU2",
    is_open=True,
    opened=NOW - timedelta(seconds=30),
    seen=NOW - timedelta(seconds=1),
    acked=NOW - timedelta(seconds=1),
)


def test_an_application_that_answers_at_the_edge_is_led() -> None:
    outcome = led_application(SHOP)
    assert outcome.heard is Heard.DONE
    assert "98 % of the last minute's requests" in outcome.said


@pytest.mark.parametrize(
    "seen",
    [
        replace(SHOP, answers=Answer.NO),
        replace(SHOP, answers=Answer.UNKNOWN),
        replace(SHOP, servers=()),
        replace(SHOP, is_kept=True),
    ],
)
def test_what_was_not_seen_to_answer_is_waited_for(seen: ApplicationLed) -> None:
    assert led_application(seen).heard is Heard.UNDER_WAY


def test_nobody_is_led_to_what_nobody_wants() -> None:
    assert led_application(replace(SHOP, copies=0, servers=())).heard is Heard.DONE


def test_a_database_is_led_by_a_write_that_was_acknowledged_since() -> None:
    assert "a user's write was acknowledged" in led_database(ORDERS, "PAR1", NOW).said


@pytest.mark.parametrize(
    "seen",
    [
        replace(ORDERS, is_open=False),
        replace(ORDERS, site="PAR1"),
        replace(ORDERS, acked=NOW - timedelta(seconds=31)),
        replace(ORDERS, acked=None),
        replace(ORDERS, failing="since 03:11:50"),
    ],
)
def test_a_door_alone_is_no_answer_where_somebody_writes(seen: DatabaseLed) -> None:
    assert led_database(seen, "PAR1", NOW).heard is Heard.UNDER_WAY


def test_where_nobody_writes_as_users_do_the_outcome_says_so() -> None:
    for seen in (None, NOW - timedelta(minutes=1)):
        outcome = led_database(replace(ORDERS, seen=seen), "PAR1", NOW)
        assert outcome.heard is Heard.DONE
        assert outcome.said.endswith("nobody writes there as users do.")
