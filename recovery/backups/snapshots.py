"""One round of the provider's snapshots: for each replica 3 one step, by what the provider has.

Invariant: a row stands before the first call, and nothing is taken for kept before something could
be restored from it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from recovery import wiring
from recovery.audit.facts import Actor
from recovery.backups import actions, daily, queries
from recovery.backups.daily import Act, Step
from recovery.backups.facts import OWN, SnapshotState
from recovery.backups.looking import LISTED_WITHIN
from recovery.backups.models import BackupReplica, SnapshotRun, Store
from recovery.backups.reading import read_listing
from recovery.core.errors import TocsinError
from recovery.core.ports import ObjectStore, SnapshotProvider, StoreError

ACTOR = Actor("worker", "snapshots")
PATIENCE = LISTED_WITHIN - 2
"""As those who read have: so one client serves both."""
DATABASE, RUN = "tocsin-database", "tocsin-run"
"""Tags of whatever is made: whose it is, and by which run."""


@dataclass(frozen=True, slots=True)
class Outside:
    """How a site of the provider, and the content of one of its volumes, is reached."""

    provider: Callable[[Store], SnapshotProvider]
    volume: Callable[[Store, str], ObjectStore]


def _provider(row: Store) -> SnapshotProvider:
    return wiring.provider_at(
        name=row.name,
        address=row.address,
        region=row.bucket,
        credentials=row.credentials,
        patience=PATIENCE,
    )


def _volume(row: Store, volume: str) -> ObjectStore:
    return wiring.volume_at(
        name=row.name, volume=volume, credentials=row.credentials, patience=PATIENCE
    )


OUTSIDE = Outside(_provider, _volume)


def keep_snapshots(*, outside: Outside = OUTSIDE, now: datetime, keeps_all: bool = False) -> None:
    """Begin what is due, take one step of what runs, and let go of what is old, unless retention
    is frozen (`keeps_all`)."""
    for replica in queries.snapshot_replicas():
        _begin_if_due(replica, now)
        _go_on(replica, outside, now)
        if not keeps_all:
            _let_go(replica, outside, now)
        _clear(replica, outside, now)


def _begin_if_due(replica: BackupReplica, now: datetime) -> None:
    slot = daily.slot_of(replica.archive, now)
    runs = queries.snapshot_runs(replica)
    if not daily.is_due(runs, slot, now) or not queries.has_point(replica.database):
        return
    host = _host_of(replica)
    if host:
        actions.begin_snapshot(replica=replica, slot=slot, host=host, actor=ACTOR, now=now)


def _host_of(replica: BackupReplica) -> str:
    """Whose volume holds the spool; nothing while nobody's does."""
    if replica.database is None:
        return OWN
    primary = replica.database.primary
    return primary.host.name if primary else ""


def _go_on(replica: BackupReplica, outside: Outside, now: datetime) -> None:
    """In one transaction, whose row no other worker takes meanwhile."""
    with transaction.atomic():
        run = (
            SnapshotRun.objects.select_for_update(skip_locked=True)
            .filter(replica=replica, state=SnapshotState.RUNNING)
            .first()
        )
        if run is None:
            return
        if now - run.begun_at > daily.GIVEN_UP_AFTER:
            said = f"It did not come to an end. {run.said}".strip()
            actions.fail_snapshot(run=run, said=said, actor=ACTOR, now=now)
            return
        try:
            said = _Round(run, replica, outside, now).step()
        except TocsinError as error:
            said = str(error)
        if run.state == SnapshotState.RUNNING:
            actions.tell_snapshot(run=run, said=said, actor=ACTOR, now=now)


class _Round:
    """One step of one run."""

    def __init__(
        self, run: SnapshotRun, replica: BackupReplica, outside: Outside, now: datetime
    ) -> None:
        self._run, self._outside, self._now = run, outside, now
        self._store, self._archive = replica.store, replica.archive
        self._there = outside.provider(self._store)
        self._tags = {DATABASE: self._archive, RUN: str(run.pk)}

    def step(self) -> str:
        """What to tell of it."""
        there = self._there.find(self._tags)
        whole = daily.whole_of(there)
        step = daily.step_there(there, self._there.volumes(whole.id) if whole else ())
        if step.act is Act.KEEP:
            self._keep(step)
        elif step.act is Act.MAKE_VOLUME:
            self._there.create_volume(step.snapshot, self._tags)
        elif step.act is Act.LOOK_HOME:
            return self._begin_at_home()
        return step.said

    def _begin_at_home(self) -> str:
        home_row = queries.snapshot_store_of(self._run.host)
        home = self._outside.provider(home_row)
        step = daily.step_home(home.find(self._tags))
        if step.act is Act.CREATE:
            home.create(home.volume_of(self._run.host), self._tags)
        elif step.act is Act.COPY:
            self._there.copy(home.site, step.snapshot, self._tags)
        return step.said

    def _keep(self, step: Step) -> None:
        """What nobody needs any more goes first, so that whoever is killed here finds it again."""
        for spare in step.spare:
            self._there.delete(spare)
        self._forget_home()
        lacking = _why_useless(self._outside.volume(self._store, step.volume), self._archive)
        if lacking:
            self._there.delete_volume(step.volume)
            self._there.delete(step.snapshot)
            actions.fail_snapshot(run=self._run, said=lacking, actor=ACTOR, now=self._now)
            return
        actions.keep_snapshot(
            run=self._run,
            snapshot=step.snapshot,
            volume=step.volume,
            actor=ACTOR,
            now=self._now,
        )

    def _forget_home(self) -> None:
        home = self._outside.provider(queries.snapshot_store_of(self._run.host))
        try:
            for one in home.find(self._tags):
                home.delete(one.id)
        except StoreError:
            return  # its site is away: it is the copy that counts


def _why_useless(store: ObjectStore, archive: str) -> str:
    """Why nothing could be restored from this volume; empty: something could."""
    reading = read_listing(asyncio.run(store.list(f"{archive}/")))
    if reading.moment is not None:
        return ""
    return " ".join(["Nothing in it could be restored.", *reading.missing])


def _let_go(replica: BackupReplica, outside: Outside, now: datetime) -> None:
    """Old snapshots and the volumes of all but the newest."""
    kept = list(
        SnapshotRun.objects.filter(replica=replica, state=SnapshotState.KEPT).order_by("-begun_at")
    )
    old = [run for run in kept[daily.WITH_VOLUME :] if run.volume] + kept[daily.KEPT :]
    if not old:
        return
    there = outside.provider(replica.store)
    try:
        for run in old:
            if run.volume:
                there.delete_volume(run.volume)
                run = actions.forget_volume(run=run, actor=ACTOR, now=now)  # noqa: PLW2901
        for run in kept[daily.KEPT :]:
            run.refresh_from_db()
            there.delete(run.snapshot)
            actions.forget_snapshot(run=run, actor=ACTOR, now=now)
    except StoreError:
        return  # the next round sees the same


def _clear(replica: BackupReplica, outside: Outside, now: datetime) -> None:
    """What runs that came to nothing left at the provider, until it has nothing of them."""
    failed = SnapshotRun.objects.filter(replica=replica, state=SnapshotState.FAILED)
    for run in failed.filter(ended_at__lt=now - daily.AGAIN_AFTER):
        try:
            there = outside.provider(replica.store)
            home = outside.provider(queries.snapshot_store_of(run.host))
            if not _left(run, there) + _left(run, home):
                actions.forget_failed(run=run, actor=ACTOR, now=now)
        except TocsinError:
            return  # the next round sees the same


def _left(run: SnapshotRun, site: SnapshotProvider) -> int:
    """How many snapshots of it were there; they are deleted, with the volumes made from them."""
    found = site.find({RUN: str(run.pk)})
    for one in found:
        for volume in site.volumes(one.id):
            site.delete_volume(volume.id)
        site.delete(one.id)
    return len(found)
