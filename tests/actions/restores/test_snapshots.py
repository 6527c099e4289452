"""From replica 3: a volume is borrowed first, its host reads a folder, and it is given back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recovery.backups import actions as backups
from recovery.backups.facts import LoanState
from recovery.backups.models import BackupReplica, Loan, Proof
from recovery.core.wire import DatabaseOrder
from recovery.gateway.queries import errands
from recovery.operations.cycle import run_governor
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation
from recovery.restores import actions
from recovery.restores.lottery import draw_lots
from recovery.restores.queries import UNKEPT, sources_of
from recovery.restores.screens import restores
from recovery.restores.trials import LENT_WITHIN
from tests.actions.restores.ground import (
    FIRST,
    POINT,
    Ground,
    keep_snapshot,
    make_ground,
    result,
    see,
)
from tests.support.fleet import BY, NOW

pytestmark = pytest.mark.django_db
OLD = POINT - timedelta(hours=3)


@pytest.fixture
def ground() -> Ground:
    ground = make_ground()
    keep_snapshot(ground.database, "MRS1", OLD)
    return ground


def third() -> BackupReplica:
    return BackupReplica.objects.get(number=3)


def lend() -> None:
    """As the worker does when the provider has made it."""
    backups.lend_volume(loan=Loan.objects.get(), volume="vol-2", actor=BY, now=NOW)


def begun(ground: Ground) -> None:
    ground.now += timedelta(seconds=1)
    ground.ask(source=str(third().pk))
    ground.give()


def test_what_loses_least_is_offered_first_and_a_person_may_pick_the_snapshot(
    ground: Ground,
) -> None:
    assert ground.ask().source.number == 2
    actions.call_off(restore=ground.restore, actor=FIRST, reason="Not that.", now=NOW)
    ground.carry_on()
    ground.now += timedelta(seconds=1)
    asked = ground.ask(source=str(third().pk))
    assert (asked.source.number, asked.quoted) == (3, OLD)
    assert "goes 3 h further, and was not asked for" in asked.why


def test_where_nothing_else_is_left_the_snapshot_is_chosen(ground: Ground) -> None:
    see({1: None, 2: None})
    assert ground.ask().source.number == 3


def test_a_volume_is_asked_for_first_and_its_host_reads_a_folder(ground: Ground) -> None:
    begun(ground)
    assert ground.carry_on() == "place"
    assert not Operation.objects.exists(), "nothing is ordered before it can be read"
    assert Loan.objects.get().snapshot == "snap-1"
    assert restores()[0].waits_for == "A volume of its snapshot is asked for."
    lend()
    assert ground.carry_on() == "restore"
    (errand,) = errands([ground.restore.host_id], epoch=ground.epoch, resend_before=NOW)
    assert isinstance(errand.order, DatabaseOrder)
    told = errand.order.restore
    assert told is not None
    assert told.store is not None
    assert (told.store.kind, told.store.folder) == ("folder", "/mnt/volumes/vol-2")
    assert told.store.credentials == "", "the provider's keys are the control plane's alone"
    ground.prove(OLD)
    assert ground.carry_on() == "switch"
    assert Loan.objects.get().state == LoanState.OVER, "it was read"


def test_an_agent_that_was_killed_finds_the_same_volume(ground: Ground) -> None:
    begun(ground)
    ground.carry_on()
    lend()
    ground.carry_on()
    ground.answer(Verb.RESTORE, OperationState.UNKNOWN, "the host started anew")
    ground.carry_on(seconds=6)
    assert Loan.objects.get().state == LoanState.READY
    (errand,) = errands([ground.restore.host_id], epoch=ground.epoch, resend_before=NOW)
    assert isinstance(errand.order, DatabaseOrder)
    assert errand.order.restore is not None
    assert errand.order.restore.store is not None
    assert errand.order.restore.store.folder == "/mnt/volumes/vol-2"


@pytest.mark.parametrize("is_lent", [False, True])
def test_however_it_ends_the_volume_is_given_back(ground: Ground, *, is_lent: bool) -> None:
    begun(ground)
    ground.carry_on()
    if is_lent:
        lend()
        ground.carry_on()
    actions.call_off(restore=ground.restore, actor=FIRST, reason="No.", now=ground.now)
    assert ground.carry_on() == "abandoned"
    assert Loan.objects.get().state == LoanState.OVER


def test_a_provider_without_a_whole_snapshot_offers_nothing(ground: Ground) -> None:
    run = third().snapshots.get()
    backups.forget_snapshot(run=run, actor=BY, now=NOW)
    (source,) = [one for one in sources_of(ground.database) if one.number == 3]
    assert source.unusable == UNKEPT


def drawn(ground: Ground, seconds: float = 0.0, draw: float = 0.99) -> bool:
    ground.now += timedelta(seconds=seconds)
    wrote = draw_lots(actor=ground.actor, now=ground.now, draw=draw)
    run_governor(actor=ground.actor, now=ground.now)
    return wrote


def test_the_lottery_proves_it_too(ground: Ground) -> None:
    see({1: None, 2: None})
    ground.serve()
    assert drawn(ground, 700)
    assert Proof.objects.get().replica.number == 3
    assert not Operation.objects.exists()
    assert not drawn(ground, 60), "its volume is being made"
    lend()
    assert drawn(ground, 3)
    order = ground.order(Verb.RESTORE)
    assert (order.params["scratch"], order.host != ground.replica.host) == (True, True)
    ground.answer(Verb.RESTORE, OperationState.DONE, result(OLD))
    assert drawn(ground, 3)
    assert Proof.objects.get().state == "passed"
    assert Loan.objects.get().state == LoanState.OVER


def test_a_test_of_a_snapshot_of_which_no_volume_comes_is_void(ground: Ground) -> None:
    see({1: None, 2: None})
    ground.serve()
    drawn(ground, 700)
    assert drawn(ground, LENT_WITHIN + 1)
    proof = Proof.objects.get()
    assert (proof.state, Loan.objects.get().state) == ("void", LoanState.OVER)
    assert proof.said.startswith("Its snapshot could not be read")
