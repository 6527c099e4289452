"""The clocks of a lost datacenter and of a run: what is at risk, in so many words."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from msgspec.structs import replace

from dashboard.facets.recovery import at_risk
from recovery.brief.decide import brief_of
from recovery.brief.facts import DatabaseFact, StandbyFact
from recovery.drp.plan import Quote
from recovery.drp.views.losses import LossLine, quoted_of, risk_of
from tests.decisions.brief.test_brief import ARCHIVE, LOST_AT, database, lost


def worst(*databases: DatabaseFact) -> str:
    return at_risk(brief_of(lost(databases=databases)))[2]


def test_who_loses_nothing_is_counted_only_where_somebody_does() -> None:
    behind = database("orders-pg", archive=ARCHIVE)
    level = StandbyFact("osu2-a1", "OSU2", LOST_AT, "it is level")
    assert worst(behind) == "worst is orders-pg"
    spared = database("spared-pg", standbys=(level,))
    assert worst(behind, spared) == "worst is orders-pg; 1 loses nothing"


MINUTE = timedelta(minutes=1)


def quote(name: str, minutes: int | None, way: Literal["restore", "promote"] = "restore") -> Quote:
    lost = None if minutes is None else minutes * 60_000
    moment = (LOST_AT - (minutes or 0) * MINUTE).isoformat()
    return Quote(name, name, "replica 3", moment, way=way, lost_ms=lost)


def decided(name: str, minutes: int | None, *, is_all: bool = False) -> LossLine:
    lost = None if minutes is None else minutes * MINUTE
    return LossLine(name, lost, is_all=is_all, at=None, source="replica 1 in PAR1")


def test_a_run_has_one_figure_the_plans_and_says_which_one_was_decided_on() -> None:
    quoted = quoted_of([quote("sessions", 40), quote("orders", 1)], LOST_AT)
    risk = risk_of(quoted, [decided("sessions", 26), decided("orders", 1)])
    assert risk is not None
    assert risk.worst is not None
    assert (risk.worst.lost, risk.worst.is_quoted) == (40 * MINUTE, True)
    assert risk.decided is not None
    assert (risk.decided.database, risk.decided.lost) == ("sessions", 26 * MINUTE)


def test_where_both_say_the_same_it_is_said_once() -> None:
    risk = risk_of(quoted_of([quote("sessions", 26)], LOST_AT), [decided("sessions", 26)])
    assert risk is not None
    assert risk.decided is None


def test_what_the_plan_does_not_quote_stands_as_it_was_decided_on() -> None:
    quoted = quoted_of([quote("orders", 1)], LOST_AT)
    risk = risk_of(quoted, [decided("wiki", None, is_all=True), decided("mail", None)])
    assert risk is not None
    assert (risk.gone, risk.unknown, risk.decided) == (("wiki",), ("mail",), None)
    alone = risk_of((), [decided("sessions", 26)])
    assert alone is not None
    assert alone.worst is not None
    assert not alone.worst.is_quoted


def test_the_plans_own_number_is_not_counted_anew() -> None:
    (line,) = quoted_of([quote("sessions", 40)], LOST_AT + 3 * MINUTE)
    assert line.lost == 40 * MINUTE
    (grown,) = quoted_of([replace(quote("sessions", 40), lost_ms=None)], LOST_AT + 3 * MINUTE)
    assert grown.lost == 43 * MINUTE, "while it lived nobody could quote it"
    assert risk_of(()) is None
