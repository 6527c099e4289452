"""What people decide about a failover: to call it off, and to begin one where one runs."""

from __future__ import annotations

import pytest
from django.db import transaction

from recovery.audit.facts import Actor
from recovery.audit.models import AuditEntry
from recovery.core.errors import Conflict, Refused
from recovery.failover.actions import failovers, people
from recovery.failover.facts import Around, Election
from recovery.failover.models import Failover
from recovery.failover.phases import FailoverKind
from recovery.inventory.models import Database, ReplicaSight
from tests.actions.failover.agents import Play, settled

pytestmark = pytest.mark.django_db
BY = Actor("person", "amelie")


@pytest.fixture
def play() -> Play:
    return settled()


def _call_off(play: Play) -> Failover:
    return people.call_off(
        failover=play.failover, actor=BY, reason="It was the wrong rack.", now=play.now
    )


def _switch(play: Play, around: Around | None = None) -> Failover:
    return people.request_switchover(
        database=play.database,
        target=play.pair.standby,
        around=around or Around(),
        actor=BY,
        reason="New power supply.",
        now=play.now,
    )


def test_a_failover_is_called_off_before_it_revokes_and_does_not_begin_again(play: Play) -> None:
    play.kill(play.pair.primary)
    play.until("analyse")
    _call_off(play)
    play.run(20)
    row = play.failover
    assert (row.phase, row.end_reason) == ("abandoned", "amelie called it off.")
    assert Failover.objects.count() == 1
    database = play.database
    assert (database.epoch, database.blocked_by, database.state) == (1, "amelie", "waiting")
    assert "amelie called the last one off" in database.state_reason
    told = AuditEntry.objects.filter(object_type="failover", body__action="called off").get()
    assert told.body["reason"] == "It was the wrong rack."


def test_whoever_allows_it_lets_it_begin_again(play: Play) -> None:
    play.kill(play.pair.primary)
    play.until("analyse")
    _call_off(play)
    play.run(1)
    people.allow_failover(database=play.database, actor=BY, reason="It burns.", now=play.now)
    play.until("rebuild")
    assert play.database.blocked_by == ""
    assert Failover.objects.count() == 2


def test_a_switchover_is_called_off_and_its_primary_leads_on(play: Play) -> None:
    play.around = Around(paused="for the test")
    row = _switch(play)
    play.run(1)
    assert play.failover.phase == "analyse"
    people.call_off(failover=row, actor=BY, reason="Not today.", now=play.now)
    play.around = Around()
    play.run(1)
    assert play.failover.phase == "abandoned"
    database = play.database
    assert (database.primary, database.blocked_until) == (play.pair.primary, None)


def test_from_the_order_to_lead_on_it_is_too_late_and_the_sentence_says_why(play: Play) -> None:
    play.is_deaf.add("promote")
    play.kill(play.pair.primary)
    play.until("promote")
    with pytest.raises(Refused, match="another replica was ordered to lead"):
        _call_off(play)
    assert play.failover.called_off == ""


def test_what_is_over_or_called_off_already_is_not_called_off_again(play: Play) -> None:
    play.kill(play.pair.primary)
    play.until("analyse")
    _call_off(play)
    with pytest.raises(Refused, match="amelie called it off already"):
        _call_off(play)
    play.run(1)
    with pytest.raises(Refused, match=r"it is over \(abandoned\)|called it off already"):
        _call_off(play)


def test_once_revoked_only_a_primary_that_lives_gets_its_writes_back(play: Play) -> None:
    play.is_deaf.add("fence")
    _switch(play)
    play.until("fence")
    ReplicaSight.objects.filter(replica=play.pair.primary).update(state="down")
    with pytest.raises(Refused, match="nobody to give the writes back to"):
        _call_off(play)
    ReplicaSight.objects.filter(replica=play.pair.primary).update(state="running")
    _call_off(play)
    play.run(2)
    row, database = play.failover, play.database
    assert row.phase == "abandoned"
    assert (database.state, database.primary) == ("serving", play.pair.primary)
    assert database.epoch > 2, "it leads at an epoch above everything that was ordered"


def test_a_no_that_comes_between_look_and_commit_is_heard(play: Play) -> None:
    play.kill(play.pair.primary)
    seen = play.until("analyse")
    _call_off(play)
    with pytest.raises(Conflict, match="was called off meanwhile"), transaction.atomic():
        failovers.revoke_primary(
            failover=seen, proof=None, seen=None, actor=play.actor, reason="x", now=play.now
        )
    with pytest.raises(Conflict, match="was called off meanwhile"), transaction.atomic():
        failovers.choose_target(
            failover=seen,
            election=Election("", ()),
            target=play.pair.standby,
            degraded=False,
            actor=play.actor,
            reason="x",
            now=play.now,
        )


def test_two_failovers_at_once_are_one_and_the_second_is_told(play: Play) -> None:
    play.kill(play.pair.primary)
    play.until("analyse")
    with pytest.raises(Conflict, match="Another failover of orders has just begun"):
        failovers.begin_failover(
            database=Database.objects.get(),
            kind=FailoverKind.FAILOVER,
            source=play.pair.primary,
            incident=None,
            happened_at=play.now,
            actor=play.actor,
            reason="Twice.",
            now=play.now,
        )
    assert Failover.objects.count() == 1
    play.until("rebuild")


@pytest.mark.parametrize("phase", ["analyse", "promote", "rebuild"])
def test_a_switchover_pressed_in_mid_failover_is_refused(play: Play, phase: str) -> None:
    if phase == "promote":
        play.is_deaf.add("promote")
    play.kill(play.pair.primary)
    play.until(phase)
    with pytest.raises(Refused, match=f"a failover of orders, is under way in phase {phase}"):
        _switch(play)


def _refused(play: Play, match: str, around: Around | None = None) -> None:
    with pytest.raises(Conflict, match=match) as refused:
        _switch(play, around)
    assert refused.value.kept == "Nothing was begun."
    assert not Failover.objects.exists()
    assert not AuditEntry.objects.filter(object_type="failover").exists()


def test_a_switchover_to_whoever_is_not_safe_is_refused_when_it_is_asked_for(play: Play) -> None:
    """By what the next look would give it up for: nothing begins only to be abandoned."""
    server = play.servers[play.pair.standby.pk]
    server.healthy = 12.0
    play.run(1)
    _refused(play, "it has been well for 12 s, not for 60 s")
    server.healthy, server.server = 90.0, "down"
    play.run(1)
    _refused(play, "No safe candidate. orders-2: its server is down")


def test_a_switchover_to_whoever_fell_silent_is_refused_when_it_is_asked_for(play: Play) -> None:
    play.servers[play.pair.standby.pk].is_up = False
    play.run(6)
    _refused(play, "no word from its agent for")


def test_who_is_blind_or_paused_begins_no_switchover(play: Play) -> None:
    _refused(play, "We are blind: Nobody is heard.", Around(blind=("Nobody is heard.",)))
    _refused(play, "Automation is paused: The works.", Around(paused="The works."))


def test_a_switchover_that_was_safe_when_it_was_asked_for_is_looked_at_again(play: Play) -> None:
    _switch(play)
    play.servers[play.pair.standby.pk].healthy = 3.0
    play.run(1)
    assert play.failover.phase == "abandoned"
    assert "it has been well for 3 s" in play.failover.end_reason
