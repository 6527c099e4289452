"""Up to when a standby elsewhere holds what was acknowledged; what nobody saw is not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from recovery.brief.standing import Sight, Standby, standby_fact
from recovery.inventory.facts import Verdict

UNTIL = datetime(2026, 11, 29, 14, 0, 42, tzinfo=UTC)
TOLD = UNTIL - timedelta(seconds=2)
LEADS = Sight(TOLD, "running", 500, None, frozenset({"b"}))
FOLLOWS = Sight(UNTIL + timedelta(seconds=60), "running", 500, 0.0)
ONE = Standby("b", "osu2-a1", "OSU2", Verdict.ALIVE, is_safe=False, sight=FOLLOWS)


def test_a_synchronous_one_holds_all_that_was_acknowledged() -> None:
    fact = standby_fact(replace(ONE, is_safe=True), LEADS, UNTIL)
    assert fact.at == UNTIL
    assert "synchronous" in fact.why


def test_one_that_its_primary_did_not_wait_for_is_not_taken_for_a_synchronous_one() -> None:
    alone = replace(LEADS, synchronous=frozenset())
    assert standby_fact(replace(ONE, is_safe=True), alone, UNTIL).at == TOLD


def test_one_that_has_all_that_was_told_of_holds_it_up_to_that_word_and_no_further() -> None:
    """Its own agent speaks on for minutes: that says nothing of a primary that is silent."""
    assert standby_fact(ONE, LEADS, UNTIL).at == TOLD


def test_one_that_is_behind_holds_less_by_its_lag() -> None:
    behind = replace(ONE, sight=replace(FOLLOWS, position=400, lag=3.0))
    fact = standby_fact(behind, LEADS, UNTIL)
    assert fact.at == TOLD - timedelta(seconds=3)
    assert "3.0 s behind" in fact.why


@pytest.mark.parametrize("silence", [60, 1400, 1403])
def test_what_one_holds_stays_the_same_however_long_its_primary_is_silent(silence: int) -> None:
    """PostgreSQL counts the lag of a standby that streams no more until now."""
    held = TOLD - timedelta(seconds=27)
    at = UNTIL + timedelta(seconds=silence)
    lag = (at - held).total_seconds()
    behind = replace(ONE, sight=replace(FOLLOWS, at=at, position=400, lag=lag))
    fact = standby_fact(behind, LEADS, UNTIL)
    assert fact.at == held.replace(second=10)
    assert "30.0 s behind" in fact.why


@pytest.mark.parametrize(
    ("one", "primary", "why"),
    [
        (replace(ONE, verdict=Verdict.LOST), LEADS, "its host is lost"),
        (replace(ONE, sight=None), LEADS, "never told of it"),
        (replace(ONE, sight=replace(FOLLOWS, state="stopped")), LEADS, "its server is stopped"),
        (ONE, None, "nobody knows how far its primary was"),
        (replace(ONE, sight=replace(FOLLOWS, position=400, lag=None)), LEADS, "by how long"),
        (replace(ONE, sight=replace(FOLLOWS, position=0, lag=None)), LEADS, "by how long"),
    ],
)
def test_what_nobody_saw_is_not_known(one: Standby, primary: Sight | None, why: str) -> None:
    fact = standby_fact(one, primary, UNTIL)
    assert fact.at is None
    assert why in fact.why
