"""Recorded traffic that comes again after a failover has no effect (I-DB-3), in the rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

import pytest

from recovery.audit.facts import Actor
from recovery.audit.models import AuditEntry
from recovery.core import transitions
from recovery.core.errors import Conflict, Refused
from recovery.failover.actions import failovers, people
from recovery.failover.actions.leases import Renewed, renew_leases
from recovery.failover.facts import Proof, ProofKind
from recovery.failover.models import Failover, Lease, Vouch
from recovery.inventory.actions import see_replicas
from recovery.inventory.models import Database
from recovery.operations.actions import record_outcome
from recovery.operations.facts import OperationState
from recovery.operations.models import Operation
from recovery.traffic.queries import current_doors
from tests.actions.failover.agents import Play, settled

pytestmark = pytest.mark.django_db
FIRST, SECOND = Actor("person", "amelie"), Actor("person", "bruno")


@pytest.fixture
def play() -> Play:
    return settled()


def _rows() -> Mapping[str, object]:
    """What decides who leads, and the number of entries in the log."""
    return {
        "databases": list(Database.objects.values_list("epoch", "primary", "state", "version")),
        "leases": list(Lease.objects.values_list("epoch", "replica", "sequence", "revoked")),
        "failovers": list(Failover.objects.values_list("number", "phase")),
        "orders": list(Operation.objects.order_by("pk").values_list("pk", "state")),
        "entries": AuditEntry.objects.count(),
    }


def test_every_renewal_of_before_is_granted_nothing(play: Play) -> None:
    play.kill(play.pair.primary)
    play.until("rebuild")
    before = _rows()
    old = play.pair.primary
    numbers = range(1, play.servers[old.pk].sequence + 50)
    again = [Renewed(old.pk, old.host_id, 1, 1, number, number - 1, 9_999) for number in numbers]
    assert renew_leases(renewals=[*again, *reversed(again)]) == []
    stranger = play.pair.standby
    assert renew_leases(renewals=[Renewed(stranger.pk, old.host_id, 2, 9, 999, 0, 1)]) == []
    assert _rows() == before


def test_every_outcome_of_before_moves_nothing(play: Play) -> None:
    play.kill(play.pair.primary)
    play.until("rebuild")
    before = _rows()
    for operation in Operation.objects.all():
        for state in (OperationState.DONE, OperationState.REFUSED, OperationState.FAILED):
            moved = record_outcome(
                operation=operation.pk,
                state=state,
                detail="again",
                actor=Actor("agent", "x"),
                now=play.now,
            )
            assert moved == []
    assert _rows() == before


def test_a_report_of_the_old_epoch_changes_nobodys_mind(play: Play) -> None:
    leader = play.servers[play.pair.primary.pk]
    old = {play.pair.primary.pk: play._fact(leader, leader)}
    play.kill(play.pair.primary)
    play.until("rebuild")
    play.run(15)
    before = play.database
    told: dict[UUID, Mapping[str, object]] = {}
    for key, fact in old.items():
        told[key] = {**fact, "epoch": 1, "is_writable": True}
    for _ in range(10):
        see_replicas(seen=told, now=play.now)
        play.mono += 0.2
        play.look()
    after = play.database
    assert (after.epoch, after.primary) == (before.epoch, before.primary)
    assert Failover.objects.count() == 1
    assert Operation.objects.filter(verb="promote").count() == 1


def test_the_edge_leads_nobody_to_an_epoch_that_is_over(play: Play) -> None:
    transitions.amend(
        play.database, {"edge_port": 8100}, action="x", actor=FIRST, reason="x", now=play.now
    )
    host = play.pair.primary.host
    host.refresh_from_db()
    there = {"address": "127.1.1.1"}
    transitions.amend(host, there, action="x", actor=FIRST, reason="x", now=play.now)
    led = current_doors()
    assert [door.server for door in led] == ["127.1.1.1:15432"]
    play.kill(play.pair.primary)
    play.is_deaf.add("promote")
    play.until("promote")
    assert [door.server for door in current_doors()] == [""]
    assert play.database.routed_epoch < play.database.epoch


def test_a_proof_is_written_once(play: Play) -> None:
    play.is_deaf.add("promote")
    play.kill(play.pair.primary)
    seen = play.until("promote")
    stored = seen.proof
    other = Proof(ProofKind.POWERED_OFF, str(seen.source_id), 1, "Off.", receipt="pdu")
    stale = Failover.objects.get(pk=seen.pk)
    stale.phase = "fence"
    with pytest.raises(Conflict, match="no longer fence"):
        failovers.prove_fenced(
            failover=stale, proof=other, actor=play.actor, reason="x", now=play.now
        )
    assert play.failover.proof == stored


def test_two_words_prove_once_and_are_then_spent(play: Play) -> None:
    """With a lease that nobody ever renewed there is no proof but people's."""
    play.is_deaf.add("fence")
    play.kill(play.pair.primary)
    play.until("analyse")
    database = play.database
    asked = people.ask_vouch(
        database=database,
        risk="x",
        typed="orders",
        actor=FIRST,
        reason="I pulled its plug.",
        now=play.now,
    )
    people.give_vouch(vouch=asked, typed="orders", actor=SECOND, reason="I saw it.", now=play.now)
    row = play.until("rebuild")
    assert row.proof is not None
    assert row.proof["kind"] == "vouched"
    assert row.proof["people"] == ["amelie", "bruno"]
    used = Vouch.objects.get()
    assert (used.state, used.failover) == ("used", row)


def test_a_word_from_before_the_outage_proves_nothing(play: Play) -> None:
    """It lay ready, unspent, in the right epoch: the loss that came after it needs another."""
    play.is_deaf.add("fence")
    play.kill(play.pair.primary)
    row = play.until("analyse")
    early = row.happened_at - timedelta(seconds=1)
    asked = people.ask_vouch(
        database=play.database, risk="x", typed="orders", actor=FIRST, reason="Off.", now=early
    )
    with pytest.raises(Refused, match="older than this outage"):
        people.give_vouch(vouch=asked, typed="orders", actor=SECOND, reason="Off.", now=play.now)
    given = {"given_by": SECOND.id, "given_at": early, "give_reason": "Off."}
    transitions.move(asked, "given", changes=given, actor=SECOND, reason="Off.", now=play.now)
    play.run(1)
    assert Vouch.objects.get().state == "given"
    assert (play.failover.phase, play.failover.proof) == ("analyse", None)
    people.ask_vouch(
        database=play.database, risk="x", typed="orders", actor=FIRST, reason="Now.", now=play.now
    )
    assert sorted(Vouch.objects.values_list("state", flat=True)) == ["asked", "expired"]


def test_a_word_may_come_after_the_old_primary_was_revoked(play: Play) -> None:
    """It is about the epoch of the primary that was lost, not about the raised one."""
    play.is_deaf.add("fence")
    play.kill(play.pair.primary)
    row = failovers.revoke_primary(
        failover=play.until("analyse"),
        proof=None,
        seen=None,
        actor=play.actor,
        reason="x",
        now=play.now,
    )
    asked = people.ask_vouch(
        database=play.database, risk="x", typed="orders", actor=FIRST, reason="Off.", now=play.now
    )
    assert (asked.epoch, play.database.epoch) == (row.old_epoch, row.new_epoch)


def test_within_the_hour_a_second_loss_waits_for_a_person(play: Play) -> None:
    play.kill(play.pair.primary)
    play.until("rebuild")
    play.run(2)
    server = play.servers[play.pair.primary.pk]
    server.is_up, server.leads = True, False
    play.until("done")
    play.run(8)
    play.kill(play.pair.standby)
    play.run(20)
    assert Failover.objects.count() == 1
    assert play.database.state == "waiting"
    assert "failed over within the last hour" in play.database.state_reason
