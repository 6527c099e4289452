"""A provider that is slow holds up a worker, never the leader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from threading import Event
from typing import cast

import pytest
from django.db import connection

from recovery.backups.facts import LoanState
from recovery.backups.lending import lend_volumes
from recovery.backups.models import BackupReplica, Loan, Store
from recovery.backups.snapshots import OUTSIDE
from recovery.core.ports import SnapshotProvider
from recovery.core.ports.snapshots import Volume
from recovery.restores import actions
from tests.actions.restores.ground import FIRST, POINT, keep_snapshot, make_ground
from tests.support.fleet import NOW


@dataclass
class Slow:
    """A provider that answers late what it has."""

    asked: Event = field(default_factory=Event)
    answers: Event = field(default_factory=Event)
    volumes: list[Volume] = field(default_factory=list)
    calls: int = 0

    def made(self, tags: Mapping[str, str]) -> Sequence[Volume]:
        del tags
        self.calls += 1
        found = list(self.volumes)
        self.asked.set()
        assert self.answers.wait(60)
        return found

    def delete_volume(self, volume: str) -> None:
        self.volumes = [one for one in self.volumes if one.id != volume]

    def provider(self, store: Store) -> SnapshotProvider:
        del store
        return cast(SnapshotProvider, self)


@pytest.mark.django_db(transaction=True)
def test_the_leader_ends_a_loan_while_a_worker_asks_a_slow_provider_about_it() -> None:
    ground = make_ground()
    keep_snapshot(ground.database, "MRS1", POINT - timedelta(hours=3))
    ground.now += timedelta(seconds=1)
    ground.ask(source=str(BackupReplica.objects.get(number=3).pk))
    ground.give()
    assert ground.carry_on() == "place"
    actions.call_off(restore=ground.restore, actor=FIRST, reason="Not that.", now=NOW)
    slow = Slow(volumes=[Volume("vol-9", "snap-1", is_ready=True)])
    outside = replace(OUTSIDE, provider=slow.provider)

    def worker() -> None:
        try:
            lend_volumes(outside=outside, now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(worker)
        try:
            assert slow.asked.wait(30)
            lend_volumes(outside=outside, now=NOW)
            assert slow.calls == 1, "one worker at a time"
            assert ground.carry_on() == "abandoned"
        finally:
            slow.answers.set()
        asking.result()
    assert Loan.objects.get().state == LoanState.OVER, "what ended meanwhile is not lent"
    lend_volumes(outside=outside, now=NOW)
    assert slow.volumes == []
    lend_volumes(outside=outside, now=NOW)
    assert Loan.objects.get().state == LoanState.GONE
