"""A restore test in rows: drawn, ordered into a scratch folder, its proof kept; failure rings."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import override_settings

from recovery.alarms.models import Alarm
from recovery.backups.actions import begin_proof, fail_proof, void_proof
from recovery.backups.cycle import judge_promises
from recovery.backups.models import BackupReplica, Proof
from recovery.backups.queries import database_facts, tickets
from recovery.core.wire import DatabaseOrder
from recovery.failover.actions import standing
from recovery.gateway.queries import errands
from recovery.operations.cycle import run_governor
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation
from recovery.restores.lottery import draw_lots
from recovery.restores.models import Restore
from tests.actions.restores.ground import POINT, Ground, make_ground, result
from tests.support.fleet import BY, NOW

pytestmark = pytest.mark.django_db
SOON = timedelta(minutes=11)


@pytest.fixture
def ground() -> Ground:
    """Its host is back, and it serves."""
    ground = make_ground()
    ground.serve()
    ground.now += SOON
    return ground


def drawn(ground: Ground, seconds: float = 0.0, draw: float = 0.0, paused: str = "") -> bool:
    ground.now += timedelta(seconds=seconds)
    wrote = draw_lots(actor=ground.actor, now=ground.now, draw=draw, paused=paused)
    run_governor(actor=ground.actor, now=ground.now)
    return wrote


def test_one_is_restored_elsewhere_and_its_proof_stands(ground: Ground) -> None:
    assert drawn(ground)
    proof = Proof.objects.get()
    order = ground.order(Verb.RESTORE)
    assert proof.state == "running"
    assert order.host != ground.replica.host
    (errand,) = errands([order.host_id], epoch=ground.epoch, resend_before=NOW)
    assert isinstance(errand.order, DatabaseOrder)
    told = errand.order.restore
    assert told is not None
    assert (told.restore, told.scratch) == (str(proof.pk), True)
    assert not drawn(ground, 60), "one at a time"
    ground.answer(Verb.RESTORE, OperationState.DONE, result(POINT))
    assert drawn(ground, 3)
    proof.refresh_from_db()
    assert proof.state == "passed"
    assert proof.recoverable_to == POINT - timedelta(seconds=10)
    assert (proof.bytes, proof.seconds) == (12_000_000, 3.0)
    (base,) = database_facts("notes")
    tested = base.copy(proof.replica.number)
    assert tested is not None
    assert tested.proven_at == proof.ended_at, "the restorability age moves"
    assert not drawn(ground, 3600), "the next one has its own time"
    assert not Restore.objects.exists()


def test_a_failure_is_kept_in_the_agents_words_and_rings(ground: Ground) -> None:
    drawn(ground)
    said = "part-00001 was altered. The newest moment that can be restored is 03:00:00.000 UTC."
    ground.answer(Verb.RESTORE, OperationState.REFUSED, f"archive: {said}")
    assert drawn(ground, 3)
    proof = Proof.objects.get()
    assert (proof.state, proof.said) == ("failed", said)
    judge_promises(now=ground.now)
    alarm = Alarm.objects.get(key__endswith=":disproved")
    assert "part-00001 was altered" in alarm.body


def test_what_told_nothing_is_void_and_holds_nothing_against_the_archive(ground: Ground) -> None:
    drawn(ground)
    said = "host: the restored data need 900 MiB, 12 MiB are free"
    ground.answer(Verb.RESTORE, OperationState.FAILED, said)
    assert drawn(ground, 3)
    proof = Proof.objects.get()
    assert (proof.state, proof.said) == ("void", said.removeprefix("host: "))
    (base,) = database_facts("notes")
    assert not any(one.disproof or one.proven_at for one in base.copies)
    judge_promises(now=ground.now)
    assert not Alarm.objects.filter(key__endswith=":disproved").exists()
    (ticket,) = [one for one in tickets() if one.key == str(proof.replica_id)]
    assert ticket.failed_at == proof.ended_at, "it does not take every turn"


def test_a_void_test_takes_no_failure_back(ground: Ground) -> None:
    replica = BackupReplica.objects.get(number=2)
    for end, said in ((fail_proof, "part-00001 was altered."), (void_proof, "host: no room")):
        proof = begin_proof(replica=replica, why="Drawn.", actor=BY, now=ground.now)
        ground.now += SOON
        end(proof=proof, said=said, actor=BY, now=ground.now)
    (base,) = database_facts("notes")
    copy = base.copy(2)
    assert copy is not None
    assert copy.disproof == "part-00001 was altered."


def test_a_restore_without_a_canary_or_that_cannot_be_read_is_no_proof(ground: Ground) -> None:
    drawn(ground)
    bare = result(POINT).replace('"canary":', '"canary":0,"was":')
    ground.answer(Verb.RESTORE, OperationState.DONE, bare)
    drawn(ground, 3)
    assert "no canary row is in it" in Proof.objects.get().said


def test_none_is_drawn_while_something_is_wrong(ground: Ground) -> None:
    assert not drawn(ground, paused="the fleet was released too fast")
    waits = make_waiting(ground)
    assert not drawn(waits), "a database that waits is restored by people"
    assert not Operation.objects.filter(verb=Verb.RESTORE).exists()


def make_waiting(ground: Ground) -> Ground:
    standing.await_host(database=ground.database, actor=BY, reason="Lost.", now=ground.now)
    return ground


def test_an_unknown_outcome_is_asked_for_again(ground: Ground) -> None:
    drawn(ground)
    ground.answer(Verb.RESTORE, OperationState.UNKNOWN, "the host started anew")
    assert not drawn(ground, 1)
    assert drawn(ground, 10)
    assert Operation.objects.filter(verb=Verb.RESTORE).count() == 2
    assert Proof.objects.get().state == "running"


def test_who_wants_none_gets_none(ground: Ground) -> None:
    with override_settings(TOCSIN_PROVEN_WITHIN_DAYS=0):
        assert not drawn(ground)
    assert BackupReplica.objects.count() == 2
    assert not Proof.objects.exists()
