"""The whole life of a failover in rows, with agents that obey and clocks of the test's own."""

from __future__ import annotations

import pytest

from recovery.core import control
from recovery.failover.actions.failovers import advance_failover
from recovery.failover.models import Failover, Lease
from recovery.failover.phases import Phase
from recovery.incidents import actions as incidents
from recovery.incidents.facts import MemberKind, NewMember
from recovery.inventory.models import Epoch, Host, Replica
from recovery.operations.models import Operation
from tests.actions.failover.agents import Play, settled
from tests.actions.failover.fleet import make_pair

pytestmark = pytest.mark.django_db


@pytest.fixture
def play() -> Play:
    return settled()


def test_a_pair_settles_under_a_lease_and_nothing_is_ordered(play: Play) -> None:
    assert not Operation.objects.exists()
    assert not Failover.objects.exists()
    lease = Lease.objects.get()
    assert (lease.replica, lease.epoch) == (play.pair.primary, 1)
    assert play.database.routed_epoch == 1


def test_a_lost_primary_is_revoked_proven_and_replaced(play: Play) -> None:
    play.kill(play.pair.primary)
    began = play.mono
    row = play.until("rebuild")
    assert play.mono - began < 9.0
    assert row.proof is not None
    assert row.proof["kind"] == "lease-ended"
    assert (row.old_epoch, row.new_epoch, row.target) == (1, 2, play.pair.standby)
    database = play.database
    assert (database.state, database.epoch, database.routed_epoch) == ("serving", 2, 2)
    assert database.primary == play.pair.standby
    assert Replica.objects.get(pk=play.pair.primary.pk).role == "out"
    assert list(Epoch.objects.order_by("number").values_list("number", "replica")) == [
        (1, play.pair.primary.pk),
        (2, play.pair.standby.pk),
    ]
    assert database.blocked_until is not None
    instants = [row.analysed_at, row.fenced_at, row.elected_at, row.promoted_at, row.verified_at]
    known = [at for at in instants if at is not None]
    assert len(known) == len(instants)
    assert known == sorted(known)


def test_nothing_is_revoked_before_the_lease_has_ended(play: Play) -> None:
    play.kill(play.pair.primary)
    play.run(5.6)
    assert not Lease.objects.get().revoked
    assert play.database.epoch == 1


def test_the_returning_primary_rejoins_and_then_it_is_over(play: Play) -> None:
    play.kill(play.pair.primary)
    play.until("rebuild")
    play.run(5)
    server = play.servers[play.pair.primary.pk]
    server.is_up, server.leads = True, False
    play.run(2)
    assert Replica.objects.get(pk=play.pair.primary.pk).role == "standby"
    assert Operation.objects.filter(verb="rejoin", state="done").count() == 1
    play.until("done")
    play.run(10)
    database = play.database
    assert database.degraded_at is None
    lease = Lease.objects.get()
    assert (lease.replica, lease.epoch, lease.revoked) == (play.pair.standby, 2, False)
    assert lease.sequence > 0


def test_an_old_primary_rejoins_although_its_failover_ended_before_it_came_back(
    play: Play,
) -> None:
    """The new primary's own server fell meanwhile, which is an event of its own."""
    play.kill(play.pair.primary)
    play.until("rebuild")
    leader, old = play.servers[play.pair.standby.pk], play.servers[play.pair.primary.pk]
    leader.server, leader.settings = "down", {"max_wal_size": 1.0}
    play.run(5)
    assert (play.failover.kind, play.failover.phase) == ("restart", "rebuild")
    old.is_up, old.leads = True, False
    play.run(5)
    assert Replica.objects.get(pk=play.pair.primary.pk).role == "standby"
    play.run(10)
    assert play.database.degraded_at is None
    assert not Failover.objects.exclude(phase__in=["done", "abandoned"]).exists()


def test_an_old_primary_rejoins_although_nothing_is_under_way_any_more(play: Play) -> None:
    play.kill(play.pair.primary)
    row = play.until("rebuild")
    by = play.actor
    with control.deciding(by.epoch):
        advance_failover(failover=row, to=Phase.ABANDONED, actor=by, reason="x", now=play.now)
    old = play.servers[play.pair.primary.pk]
    old.is_up, old.leads = True, False
    play.run(5)
    assert Replica.objects.get(pk=play.pair.primary.pk).role == "standby"
    assert Operation.objects.filter(verb="rejoin", state="done").count() == 1
    play.run(10)
    assert play.database.degraded_at is None


def test_who_froze_in_its_promotion_is_ordered_again_when_it_runs(play: Play) -> None:
    play.loses["promote"] = "the server does not answer: no answer in time"
    play.kill(play.pair.primary)
    play.until("promote")
    play.run(8)
    assert Operation.objects.filter(verb="promote").count() == 1
    play.loses.clear()
    row = play.until("rebuild")
    assert (row.target, row.new_epoch, row.tried) == (play.pair.standby, 2, [])
    orders = Operation.objects.filter(verb="promote").order_by("requested_at")
    assert list(orders.values_list("state", "database_epoch")) == [("failed", 2), ("done", 2)]


def test_what_fails_where_a_plan_brought_it_is_no_part_of_the_loss_that_it_left(play: Play) -> None:
    """The old datacenter's incident may stay open for days."""
    elsewhere = Host.objects.exclude(datacenter=play.pair.primary.host.datacenter).earliest("name")
    older = incidents.open_incident(
        domain="datacenter:OLD",
        title="OLD: 1 host lost",
        summary="",
        happened_at=play.now,
        members=[
            NewMember(MemberKind.HOST, str(elsewhere.pk), elsewhere.name, is_cause=True),
            NewMember(MemberKind.DATABASE, str(play.database.pk), "orders"),
        ],
        actor=play.actor,
        reason="test",
        now=play.now,
    )
    play.kill(play.pair.primary)
    row = play.until("rebuild")
    assert row.incident is not None
    assert row.incident != older
    assert row.incident.domain == f"database:{play.database.pk}"
    assert not older.timeline.filter(said__contains="orders").exclude(kind="opened").exists()


def test_a_question_that_nobody_answers_gives_way_to_the_next_one(play: Play) -> None:
    """Two unfinished acts of a kind would break the round of every database."""
    play.is_deaf.add("ask")
    play.kill(play.pair.primary)
    play.run(8)
    states = list(Operation.objects.filter(verb="ask").values_list("state", flat=True))
    assert len(states) > 1
    assert states.count("withdrawn") == len(states) - 1
    play.is_deaf.clear()
    assert play.until("rebuild").target == play.pair.standby


def test_a_standby_that_could_not_be_promoted_is_tried_again_and_was_never_alone(
    play: Play,
) -> None:
    play.refuses["promote"] = "its server does not answer"
    play.kill(play.pair.primary)
    play.until("promote")
    alone = play.database
    assert alone.degraded_at is not None
    row = play.until("elect")
    assert len(row.tried) == 1
    alone.refresh_from_db()
    assert not alone.degraded_at
    play.refuses.clear()
    row = play.until("rebuild")
    database = play.database
    assert (row.target, database.primary) == (play.pair.standby, play.pair.standby)
    assert (row.new_epoch, database.routed_epoch) == (3, 3)
    assert database.degraded_at is not None
    assert database.degraded_reason == (
        f"Nobody could take over from {play.pair.standby}, the new primary, when it was chosen."
    )


def test_a_new_leader_between_any_two_rounds_changes_nothing_but_time() -> None:
    play = Play(make_pair())
    play.settle()
    play.kill(play.pair.primary)
    began = play.mono
    seen: list[str] = []
    while play.mono - began < 60:
        play.tick()
        row = Failover.objects.first()
        if row and row.phase not in seen:
            seen.append(row.phase)
            if row.phase == "rebuild":
                break
            play.lead()
    assert seen[-1] == "rebuild"
    assert Operation.objects.filter(verb="promote").count() == 1
    assert play.database.epoch == 2
