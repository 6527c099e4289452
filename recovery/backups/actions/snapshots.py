"""Runs of the provider's snapshots: begun before anything is asked of it, ended by what it has."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from recovery.audit.facts import Actor
from recovery.backups.facts import SnapshotState
from recovery.backups.models import BackupReplica, SnapshotRun
from recovery.core import transitions


def begin_snapshot(
    *, replica: BackupReplica, slot: int, host: str, actor: Actor, now: datetime
) -> SnapshotRun | None:
    """Intent before act: the row stands before the provider is asked. None while one runs."""
    row = SnapshotRun(replica=replica, slot=slot, host=host, begun_at=now)
    reason = f"The daily snapshot of the volume of {host} is due."
    try:
        with transaction.atomic():
            return transitions.create([row], actor=actor, reason=reason, now=now)[0]
    except IntegrityError:
        return None


def tell_snapshot(*, run: SnapshotRun, said: str, actor: Actor, now: datetime) -> SnapshotRun:
    """How far it is, or what is in its way; written where it differs."""
    if run.said == said:
        return run
    return transitions.amend(
        run, {"said": said}, action="told", actor=actor, reason=said or "It goes on.", now=now
    )


def keep_snapshot(
    *, run: SnapshotRun, snapshot: str, volume: str, actor: Actor, now: datetime
) -> SnapshotRun:
    """It is whole at the third site, and a volume of it can be read."""
    changes = {"snapshot": snapshot, "volume": volume, "ended_at": now, "said": ""}
    reason = "It is whole at the third site, and something of it can be restored."
    return transitions.move(
        run, SnapshotState.KEPT, changes=changes, actor=actor, reason=reason, now=now
    )


def fail_snapshot(*, run: SnapshotRun, said: str, actor: Actor, now: datetime) -> SnapshotRun:
    """It came to nothing; `said` is why."""
    changes = {"ended_at": now, "said": said}
    return transitions.move(
        run, SnapshotState.FAILED, changes=changes, actor=actor, reason=said, now=now
    )


def forget_volume(*, run: SnapshotRun, actor: Actor, now: datetime) -> SnapshotRun:
    """Its volume is gone; the snapshot is there."""
    reason = "Newer snapshots stand ready."
    return transitions.amend(
        run, {"volume": ""}, action="volume removed", actor=actor, reason=reason, now=now
    )


def forget_snapshot(*, run: SnapshotRun, actor: Actor, now: datetime) -> SnapshotRun:
    """The provider has it no more."""
    reason = "Enough newer ones are kept."
    return transitions.move(run, SnapshotState.GONE, actor=actor, reason=reason, now=now)


def forget_failed(*, run: SnapshotRun, actor: Actor, now: datetime) -> SnapshotRun:
    """The provider has nothing of it."""
    reason = "The provider has nothing of it any more."
    return transitions.move(run, SnapshotState.GONE, actor=actor, reason=reason, now=now)
