"""When a provider's snapshot is due, and what its run has to do next (B3). Pure.

Invariant: what a run has begun bears its tag, and every step is chosen by what is there with it; so
whoever was killed between a call and its row goes on, and doubles nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from recovery.backups.facts import SnapshotState
from recovery.core.ports.snapshots import Snapshot, Volume

EVERY = timedelta(days=1)
GIVEN_UP_AFTER = timedelta(hours=6)
AGAIN_AFTER = timedelta(minutes=5)
KEPT = 7
"""Snapshots of each database."""
WITH_VOLUME = 2
"""Of the newest ones a volume stands ready to be read."""


@dataclass(frozen=True, slots=True)
class Made:
    """A run as its row has it."""

    slot: int
    state: SnapshotState
    ended_at: datetime | None


class Act(StrEnum):
    """What is to be done next."""

    LOOK_HOME = "look home"
    CREATE = "create"
    COPY = "copy"
    MAKE_VOLUME = "make a volume"
    KEEP = "keep"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Step:
    """`snapshot`, `volume`: of what; `spare`: snapshots of the same run that nobody needs."""

    act: Act
    said: str = ""
    snapshot: str = ""
    volume: str = ""
    spare: tuple[str, ...] = ()


def slot_of(database: str, now: datetime) -> int:
    """The number of its day, which begins at another hour for each database."""
    seconds = int(EVERY.total_seconds())
    begins = zlib.crc32(database.encode()) % seconds
    return (int(now.timestamp()) - begins) // seconds


def is_due(runs: Sequence[Made], slot: int, now: datetime) -> bool:
    """None runs, none of this day is kept, and the last one did not fail just now."""
    for run in runs:
        if run.state is SnapshotState.RUNNING:
            return False
        if run.state is SnapshotState.KEPT and run.slot >= slot:
            return False
        is_recent = run.ended_at is not None and now - run.ended_at < AGAIN_AFTER
        if run.state is SnapshotState.FAILED and is_recent:
            return False
    return True


def step_there(there: Sequence[Snapshot], volumes: Sequence[Volume]) -> Step:
    """By what is at the third site. `volumes`: of the oldest whole one."""
    whole = _oldest(there, "completed")
    if whole is not None:
        spare = tuple(one.id for one in there if one.id != whole.id)
        ready = next((one.id for one in volumes if one.is_ready), "")
        if ready:
            return Step(Act.KEEP, "", whole.id, ready, spare)
        if volumes:
            return Step(Act.WAIT, "Its volume is being made.", whole.id)
        return Step(Act.MAKE_VOLUME, "", whole.id)
    pending = _oldest(there, "pending")
    if pending is not None:
        return Step(Act.WAIT, f"It is copied to the third site: {pending.percent} %.", pending.id)
    return Step(Act.LOOK_HOME)


def step_home(home: Sequence[Snapshot]) -> Step:
    """By what is where the volume is, when the third site has nothing."""
    whole = _oldest(home, "completed")
    if whole is not None:
        return Step(Act.COPY, "", whole.id)
    pending = _oldest(home, "pending")
    if pending is not None:
        return Step(Act.WAIT, f"The provider takes it: {pending.percent} %.", pending.id)
    return Step(Act.CREATE)


def whole_of(there: Sequence[Snapshot]) -> Snapshot | None:
    """The one that a run keeps: of several the oldest, whoever looks."""
    return _oldest(there, "completed")


def _oldest(found: Sequence[Snapshot], state: str) -> Snapshot | None:
    these = [one for one in found if one.state == state]
    return min(these, key=lambda one: (one.begun, one.id), default=None)
