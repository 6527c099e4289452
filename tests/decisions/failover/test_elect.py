"""Who may be promoted by the words of a primary and its standby, which come one after the other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recovery.failover.decide import next_step
from recovery.failover.elect import elect
from recovery.failover.facts import NEVER, Act, Ask, Facts, Step, Wait
from recovery.failover.phases import FailoverKind, Phase
from tests.decisions.failover.build import (
    ENDED,
    POLICY,
    RENEWED,
    WRITTEN,
    facts,
    failover,
    lost,
    primary,
    standby,
)

BEHIND = WRITTEN - 100
LOST = (
    f"it had confirmed position {WRITTEN} by its primary's last word, and its newest look shows"
    f" {BEHIND}: that look is the older one, or it lost data."
)


def refused(known: Facts, now: float) -> str:
    source = known.primary
    assert source is not None
    found = elect(known, POLICY, now, source=source)
    return found.reason if not found.chosen else ""


@pytest.mark.parametrize("later", [0.0, 0.7], ids=["seen at one look", "its primary spoke last"])
def test_a_standby_that_spoke_before_its_primary_has_lost_nothing(later: float) -> None:
    known = facts(primary(age=0.2), standby(age=0.2 + later, position=BEHIND))
    assert refused(known, RENEWED) == ""
    flying = failover(kind=FailoverKind.SWITCHOVER, wanted="b")
    step = next_step(facts(*known.replicas, failover=flying), POLICY, RENEWED)
    assert isinstance(step, Step)
    assert (step.act, step.to) == (Act.REVOKE, Phase.FENCE)


def test_a_standby_that_holds_less_than_it_confirmed_has_lost_data() -> None:
    alive = facts(primary(age=0.7), standby(age=0.2, position=BEHIND))
    gone = lost(primary(age=6.5), standby(position=BEHIND))
    for known, now in ((alive, RENEWED), (gone, ENDED)):
        assert LOST in refused(known, now)


def test_the_repeated_last_word_of_a_crashed_primary_is_older_than_its_standbys() -> None:
    known = facts(primary(age=0.1, server="down"), standby(age=0.9, position=BEHIND))
    assert LOST in refused(known, RENEWED)


def test_a_look_that_may_be_the_older_one_is_waited_for_and_rings_nobody_yet() -> None:
    """Under load its agent's words were late, and it was said to have lost data."""
    behind = standby(age=0.3, position=BEHIND)
    at = failover(phase_age=3.0)
    first = next_step(lost(primary(age=6.5), behind, failover=at), POLICY, ENDED)
    assert isinstance(first, Wait)
    assert first.reason == f"orders-2: {LOST} It is looked at again."
    assert not first.alarm
    newer = lost(primary(age=6.5), standby(age=0.1), failover=at)
    assert isinstance(next_step(newer, POLICY, ENDED), Step), "and it has everything"
    still = replace(at, phase_age=11.0)
    assert isinstance(next_step(lost(primary(age=6.5), behind, failover=still), POLICY, ENDED), Ask)


def test_who_was_never_heard_is_not_said_to_be_silent_for_an_endless_time() -> None:
    said = refused(lost(primary(age=6.5), standby(age=NEVER)), ENDED)
    assert "no word from its agent yet." in said


@pytest.mark.parametrize("word", ["system", "version"])
def test_two_unknowns_are_not_the_same(word: str) -> None:
    """Neither said whose copy it is, or what it runs."""
    known = lost(primary(age=6.5, **{word: ""}), standby(**{word: ""}))
    assert "unknown" in refused(known, ENDED)
