"""Rows that are older than the world: a restore is a rollback to a savepoint, and agents go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import transaction

from recovery.audit.facts import Actor
from recovery.core import incarnations
from recovery.core.errors import Conflict, Refused
from recovery.core.models import Leader
from recovery.detection.queries import pause_reason
from recovery.failover.actions.incarnations import recognise_incarnation, settle_incarnation
from recovery.failover.models import Failover, Lease
from recovery.gateway.queries import desired_of, errands
from recovery.inventory.actions import remember_host, see_replicas
from recovery.inventory.models import Epoch, Replica
from recovery.operations.actions import admit_operations, request_acts
from recovery.operations.facts import Act, Verb
from recovery.operations.models import Operation
from tests.actions.failover.agents import Play, settled

pytestmark = pytest.mark.django_db
ANNA = Actor("person", "anna")


@pytest.fixture
def play() -> Play:
    play = settled()
    recognise_incarnation(actor=play.actor, now=play.now)
    return play


@contextmanager
def restored(play: Play) -> Iterator[None]:
    """Afterwards the rows are as before, and the agents are what they have become."""
    mark = transaction.savepoint()
    yield
    transaction.savepoint_rollback(mark)


def failed_over_then_restored(play: Play) -> None:
    """In the world the standby leads epoch 2; by the rows the old primary leads epoch 1."""
    with restored(play):
        play.kill(play.pair.primary)
        play.until("rebuild")
    assert (play.database.epoch, play.database.primary) == (1, play.pair.primary)


def say(play: Play, replica: Replica, role: str, epoch: int, *, leader: int = 0) -> None:
    """The hello of its agent, its full report, and what it sees of its server."""
    play.mono += 1.0
    remember_host(host=replica.host_id, leader_epoch=leader, now=play.now)
    remember_host(host=replica.host_id, desired_version=70, now=play.now)
    play._speak()
    fact = play._fact(play.servers[replica.pk], None) | {
        "role": role,
        "epoch": epoch,
        "is_writable": role == "primary",
    }
    see_replicas(seen={replica.pk: fact}, now=play.now)


def doubt(play: Play) -> int:
    """The leader's next look."""
    number = recognise_incarnation(actor=play.actor, now=play.now).number
    assert incarnations.quarantine_reason()
    return number


def settle(play: Play, number: int, *without: str) -> None:
    play.mono += 1.0
    settle_incarnation(number=number, without=without, actor=ANNA, reason="I looked.", now=play.now)


# ------------------------------------------------------------------ recognised


def test_the_first_incarnation_is_settled_and_a_second_look_changes_nothing(play: Play) -> None:
    first = incarnations.newest()
    assert first is not None
    assert (first.number, first.state) == (1, "settled")
    assert recognise_incarnation(actor=play.actor, now=play.now) == first
    assert incarnations.speaks()


def test_an_agent_that_has_met_a_later_leader_puts_the_rows_in_doubt(play: Play) -> None:
    remember_host(host=play.pair.primary.host_id, leader_epoch=play.epoch + 1, now=play.now)
    doubt(play)
    assert f"has met a leader of epoch {play.epoch + 1}" in pause_reason()


def test_an_agent_that_knows_a_later_epoch_of_a_database_puts_the_rows_in_doubt(
    play: Play,
) -> None:
    failed_over_then_restored(play)
    say(play, play.pair.standby, "primary", 2)
    doubt(play)
    assert "knows epoch 2 of orders, and these rows 1" in pause_reason()


def test_while_the_rows_are_in_doubt_no_agent_is_told_anything(play: Play) -> None:
    hosts = [row.host_id for row in play.pair.replicas]
    act = Act(Verb.ASK, play.pair.standby.pk, play.pair.standby.host_id, 1)
    (asked,) = request_acts(acts=[act], actor=play.actor, reason="test", now=play.now)
    admit_operations(operations=[asked.pk], actor=play.actor, reason="test", now=play.now)
    assert len(errands(hosts, epoch=play.epoch, resend_before=play.now)) == 1
    assert len(desired_of(hosts, epoch=play.epoch)) == 2
    lease = Lease.objects.get()
    remember_host(host=play.pair.primary.host_id, leader_epoch=play.epoch + 1, now=play.now)
    doubt(play)
    assert not incarnations.speaks()
    assert errands(hosts, epoch=play.epoch, resend_before=play.now) == []
    assert desired_of(hosts, epoch=play.epoch) == {}
    play._renew()
    lease.refresh_from_db()
    assert lease.sequence == Lease.objects.get().sequence
    assert play.servers[play.pair.primary.pk].sequence == lease.sequence + 1


# ------------------------------------------------------------------ settled


def test_who_leads_in_the_world_leads_by_the_rows_above_every_epoch_that_was_told(
    play: Play,
) -> None:
    """I-CP-4: the old primary does not get its lease back, and no epoch is used twice."""
    failed_over_then_restored(play)
    say(play, play.pair.primary, "out", 1, leader=9)
    say(play, play.pair.standby, "primary", 2, leader=9)
    number = doubt(play)
    say(play, play.pair.primary, "out", 1, leader=9)
    say(play, play.pair.standby, "primary", 2, leader=9)
    settle(play, number)
    database = play.database
    assert (database.primary, database.epoch) == (play.pair.standby, 3)
    assert database.state == "serving"
    assert Lease.objects.get().revoked
    assert Replica.objects.get(pk=play.pair.primary.pk).role == "standby"
    assert list(Epoch.objects.order_by("number").values_list("number", flat=True)) == [1, 3]
    assert Leader.objects.get().epoch == 10
    assert incarnations.speaks()
    assert incarnations.desired_floor() == 70
    assert (
        min(one.version for one in desired_of([play.pair.primary.host_id], epoch=10).values()) > 70
    )
    assert incarnations.quarantine_reason() == ""


def test_a_failover_of_the_old_rows_ends_and_its_orders_have_no_effect(play: Play) -> None:
    play.is_deaf.add("promote")
    play.kill(play.pair.primary)
    play.until("promote")
    play.tick()
    say(play, play.pair.standby, "primary", 2, leader=play.epoch + 1)
    number = doubt(play)
    say(play, play.pair.standby, "primary", 2, leader=play.epoch + 1)
    settle(play, number)
    assert Failover.objects.get().phase == "abandoned"
    assert not Operation.objects.exclude(replica=None).filter(
        state__in=["waiting", "intended", "handed", "unknown"]
    )
    assert (play.database.primary, play.database.epoch) == (play.pair.standby, 3)


def test_two_that_lead_the_same_epoch_are_not_chosen_between(play: Play) -> None:
    say(play, play.pair.primary, "primary", 2, leader=play.epoch + 1)
    number = doubt(play)
    say(play, play.pair.primary, "primary", 2)
    say(play, play.pair.standby, "primary", 2)
    facts = play._fact(play.servers[play.pair.primary.pk], None) | {"role": "primary", "epoch": 2}
    see_replicas(seen={play.pair.primary.pk: facts}, now=play.now)
    with pytest.raises(Refused, match="both say that they lead epoch 2"):
        settle(play, number)
    assert play.database.epoch == 1
    assert incarnations.quarantine_reason()


def test_a_host_that_was_not_heard_is_named_by_the_person_or_waited_for(play: Play) -> None:
    say(play, play.pair.standby, "standby", 1, leader=play.epoch + 1)
    number = doubt(play)
    play.servers[play.pair.primary.pk].is_up = False
    say(play, play.pair.standby, "standby", 1)
    silent = play.pair.primary.host.name
    with pytest.raises(Refused, match=f"{silent}: not heard"):
        settle(play, number)
    settle(play, number, silent)
    assert (play.database.primary, play.database.epoch) == (play.pair.primary, 2)


def test_what_was_shown_is_what_is_settled(play: Play) -> None:
    with pytest.raises(Conflict, match="Nothing is to be settled"):
        settle(play, 1)
    remember_host(host=play.pair.primary.host_id, leader_epoch=play.epoch + 1, now=play.now)
    number = doubt(play)
    with pytest.raises(Conflict, match="has begun since you looked"):
        settle(play, number - 1)
    with pytest.raises(Refused, match="needs a reason"):
        settle_incarnation(number=number, without=(), actor=ANNA, reason=" ", now=play.now)
