"""When all that a promise is about served again, by what its users saw."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from recovery.drp.reports.facts import GapFact, TargetFact
from recovery.drp.views.promised import back_at

LOST = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return LOST + timedelta(seconds=seconds)


ORDERS = TargetFact("database:1", "database", "orders", None, is_measured=True)
AWAY = replace(ORDERS, gaps=(GapFact(at(-1), at(435)),))


def test_it_is_back_when_the_last_of_it_is() -> None:
    sooner = replace(ORDERS, gaps=(GapFact(at(-1), at(60)), GapFact(at(90), at(120))))
    assert back_at([AWAY, sooner], LOST) == at(435)
    assert back_at([sooner], LOST) == at(120), "it was away twice"
    assert back_at([ORDERS], LOST) == LOST, "nobody was without it"


def test_what_is_away_or_was_not_measured_is_not_known_to_be_back() -> None:
    out = replace(AWAY, out_since=at(500))
    unseen = replace(ORDERS, gaps=(GapFact(at(-1), at(60), is_end_seen=False),))
    for one in (out, unseen, replace(ORDERS, is_measured=False)):
        assert back_at([AWAY, one], LOST) is None
    assert back_at([], LOST) is None
