"""The clock of a lost datacenter: what is at risk, in so many words."""

from __future__ import annotations

from dashboard.facets.recovery import at_risk
from recovery.brief.decide import brief_of
from recovery.brief.facts import DatabaseFact, StandbyFact
from tests.decisions.brief.test_brief import ARCHIVE, LOST_AT, database, lost


def worst(*databases: DatabaseFact) -> str:
    return at_risk(brief_of(lost(databases=databases)))[2]


def test_who_loses_nothing_is_counted_only_where_somebody_does() -> None:
    behind = database("orders-pg", archive=ARCHIVE)
    level = StandbyFact("osu2-a1", "OSU2", LOST_AT, "it is level")
    assert worst(behind) == "worst is orders-pg"
    spared = database("spared-pg", standbys=(level,))
    assert worst(behind, spared) == "worst is orders-pg; 1 loses nothing"
