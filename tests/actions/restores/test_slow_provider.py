"""A provider that is slow holds up a worker, never the leader."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest
from django.db import connection, transaction

from recovery.backups.facts import LoanState
from recovery.backups.models import BackupReplica, Loan
from recovery.restores import actions
from tests.actions.restores.ground import FIRST, POINT, keep_snapshot, make_ground
from tests.support.fleet import NOW


@pytest.mark.django_db(transaction=True)
def test_the_leader_does_not_wait_for_a_worker_that_asks_a_slow_provider() -> None:
    ground = make_ground()
    keep_snapshot(ground.database, "MRS1", POINT - timedelta(hours=3))
    ground.now += timedelta(seconds=1)
    ground.ask(source=str(BackupReplica.objects.get(number=3).pk))
    ground.give()
    assert ground.carry_on() == "place"
    actions.call_off(restore=ground.restore, actor=FIRST, reason="Not that.", now=NOW)
    taken, answered = Event(), Event()

    def worker() -> None:
        try:
            with transaction.atomic():
                Loan.objects.select_for_update().get()
                taken.set()
                answered.wait(60)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(worker)
        try:
            assert taken.wait(30)
            assert ground.carry_on() == "place", "not this round"
        finally:
            answered.set()
        asking.result()
    assert ground.carry_on() == "abandoned"
    assert Loan.objects.get().state == LoanState.OVER
