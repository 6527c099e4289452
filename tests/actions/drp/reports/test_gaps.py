"""What users of an application met, out of rows that a prober wrote which was away at times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from recovery.drp.queries.served import gaps_of
from recovery.drp.reports.facts import GapFact
from recovery.traffic.models import Outage

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def out(
    begin: float, end: float | None, *, begin_seen: bool = True, end_seen: bool = True
) -> Outage:
    return Outage(
        started_at=at(begin),
        ended_at=None if end is None else at(end),
        is_begin_seen=begin_seen,
        is_end_seen=end_seen,
    )


@pytest.mark.parametrize("away", [1, 9, 11, 240])
def test_an_outage_that_nobody_saw_the_middle_of_is_one_gap(away: int) -> None:
    rows = [out(0, 20, end_seen=False), out(20 + away, 400, begin_seen=False)]
    assert gaps_of(rows) == ((GapFact(at(0), at(400)),), None)


def test_also_where_it_is_not_over() -> None:
    rows = [
        out(0, 20, end_seen=False),
        out(31, 40, begin_seen=False, end_seen=False),
        out(60, None, begin_seen=False),
    ]
    assert gaps_of(rows) == ((), at(0))


def test_where_it_was_seen_to_answer_between_there_are_two() -> None:
    rows = [out(0, 20, end_seen=False), out(22, 30), out(40, 50, begin_seen=False)]
    assert gaps_of(rows) == (
        (
            GapFact(at(0), at(20), is_end_seen=False),
            GapFact(at(22), at(30)),
            GapFact(at(40), at(50)),
        ),
        None,
    )
