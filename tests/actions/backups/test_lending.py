"""A volume of replica 3 is lent to a restore and given back, whoever is killed between."""

from __future__ import annotations

import threading
from uuid import UUID, uuid4

import pytest

from recovery.backups import actions
from recovery.backups.facts import LoanState, SnapshotState
from recovery.backups.lending import lend_volumes, sweep_volumes
from recovery.backups.models import BackupReplica, Loan, SnapshotRun
from recovery.core.clock import system
from recovery.core.errors import Refused
from recovery.core.ports.snapshots import LOAN_TAG
from tests.actions.backups.test_snapshots import Cloud, Killed
from tests.actions.backups.test_snapshots import cloud as cloud  # noqa: PLC0414 - a fixture
from tests.adapters.snapshots.conftest import lab as lab  # noqa: PLC0414 - a fixture
from tests.support.fleet import BY, NOW

pytestmark = pytest.mark.django_db
WAITING = threading.Event()
NAME: UUID = uuid4()


def borrow(cloud: Cloud, name: UUID = NAME) -> Loan:
    """Of the newest snapshot, which is kept."""
    if not cloud.kept():
        cloud.until(lambda: cloud.kept() == 1)
    replica = BackupReplica.objects.get(database__name="orders-pg", number=3)
    return actions.borrow_volume(replica=replica, borrower=name, actor=BY, reason="test", now=NOW)


def until(cloud: Cloud, state: LoanState) -> Loan:
    """Round after round, also after each death; the provider copies meanwhile."""
    deadline = system.monotonic() + 60
    while system.monotonic() < deadline:
        loan = Loan.objects.get()
        if loan.state == state:
            return loan
        try:
            lend_volumes(outside=cloud.outside, now=NOW)
        except Killed:
            continue
        WAITING.wait(0.05)
    raise AssertionError(Loan.objects.get().said)


def lent(cloud: Cloud) -> list[str]:
    """What the provider has for restores."""
    snapshot = SnapshotRun.objects.get(state=SnapshotState.KEPT).snapshot
    return [one.id for one in cloud.far.volumes(snapshot) if LOAN_TAG in one.tags]


def test_it_is_made_of_the_newest_snapshot_can_be_read_and_goes(cloud: Cloud) -> None:
    loan = borrow(cloud)
    assert loan.snapshot == SnapshotRun.objects.get().snapshot
    ready = until(cloud, LoanState.READY)
    assert lent(cloud) == [ready.volume]
    assert (cloud.lab.folder / "disks" / "eu-west-1" / "volumes" / ready.volume).is_dir()
    actions.end_loan(borrower=NAME, actor=BY, reason="read", now=NOW)
    gone = until(cloud, LoanState.GONE)
    assert lent(cloud) == []
    assert gone.ended_at == NOW
    assert cloud.far.volumes(loan.snapshot), "the one that stands ready to be listed stays"
    assert lend_volumes(outside=cloud.outside, now=NOW) == 0


@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_killed_after_any_call_it_doubles_nothing_and_leaves_nothing(
    cloud: Cloud, call: int
) -> None:
    borrow(cloud)
    cloud.left[0] = call
    ready = until(cloud, LoanState.READY)
    assert lent(cloud) == [ready.volume]
    cloud.left[0] = call
    actions.end_loan(borrower=NAME, actor=BY, reason="read", now=NOW)
    until(cloud, LoanState.GONE)
    assert lent(cloud) == []


def test_what_is_called_off_while_it_is_made_is_counted_until_it_is_gone(cloud: Cloud) -> None:
    borrow(cloud)
    lend_volumes(outside=cloud.outside, now=NOW)
    actions.end_loan(borrower=NAME, actor=BY, reason="called off", now=NOW)
    cloud.lab.stop("eu-west-1")
    assert lend_volumes(outside=cloud.outside, now=NOW) == 1, "its provider is away: it is owed"
    assert "mrs1-cloud" in Loan.objects.get().said or "eu-west-1" in Loan.objects.get().said
    cloud.lab.start("eu-west-1")
    until(cloud, LoanState.GONE)
    assert lent(cloud) == []


def test_a_volume_that_no_row_knows_of_is_counted_and_goes(cloud: Cloud) -> None:
    """Rows that were restored may be older than what they made."""
    borrow(cloud)
    until(cloud, LoanState.READY)
    assert sweep_volumes(outside=cloud.outside) == 0
    snapshot = SnapshotRun.objects.get().snapshot
    lost = {LOAN_TAG: str(uuid4()), "tocsin-use": "restore"}
    cloud.far.create_volume(snapshot, lost)
    assert len(lent(cloud)) == 2
    assert sweep_volumes(outside=cloud.outside) == 1
    assert lent(cloud) == [Loan.objects.get().volume]


def test_without_a_kept_snapshot_nothing_is_lent(cloud: Cloud) -> None:
    replica = BackupReplica.objects.get(database__name="orders-pg", number=3)
    with pytest.raises(Refused, match="No snapshot of orders-pg is kept"):
        actions.borrow_volume(replica=replica, borrower=NAME, actor=BY, reason="x", now=NOW)
    assert cloud.kept() == 0
