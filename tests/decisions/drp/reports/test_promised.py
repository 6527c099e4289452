"""When all that a promise is about served again, by what its users saw."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from recovery.drp.reports.facts import GapFact, TargetFact
from recovery.drp.views.promised import away_for

LOST = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return LOST + timedelta(seconds=seconds)


ORDERS = TargetFact("database:1", "database", "orders", None, is_measured=True)
AWAY = replace(ORDERS, gaps=(GapFact(at(-1), at(435)),))


def test_it_is_the_longest_time_that_users_were_without_one_of_them() -> None:
    sooner = replace(ORDERS, gaps=(GapFact(at(-1), at(60)), GapFact(at(90), at(120))))
    assert away_for([AWAY, sooner], LOST) == timedelta(seconds=435)
    assert away_for([sooner], LOST) == timedelta(seconds=60), "it was away twice"
    assert away_for([ORDERS], LOST) == timedelta(0), "nobody was without it"


def test_a_hiccup_long_after_is_no_part_of_it() -> None:
    hiccup = replace(AWAY, gaps=(*AWAY.gaps, GapFact(at(1255), at(1257))))
    assert away_for([hiccup], LOST) == timedelta(seconds=435)
    unhurt = replace(ORDERS, gaps=(GapFact(at(1255), at(1257)),))
    assert away_for([unhurt], LOST) == timedelta(seconds=2)


def test_what_is_away_or_was_not_measured_is_not_known_to_be_back() -> None:
    out = replace(AWAY, out_since=at(500))
    unseen = replace(ORDERS, gaps=(GapFact(at(-1), at(60), is_end_seen=False), *AWAY.gaps))
    for one in (out, unseen, replace(ORDERS, is_measured=False)):
        assert away_for([AWAY, one], LOST) is None
    assert away_for([], LOST) is None
