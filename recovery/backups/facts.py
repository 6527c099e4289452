"""What the archives hold of each database, as frozen values. Standard library only.

Every instant is aware and in UTC. What an archive holds was read from its listing, never from what
a job said; a job's word is kept apart (`JobWord`), to be compared with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class StoreKind(StrEnum):
    """`snapshot`: the provider's daily copies of a volume that holds an archive."""

    DIRECTORY = "directory"
    S3 = "s3"
    SNAPSHOT = "snapshot"


class PointState(StrEnum):
    """How a backup replica keeps its promise, the best first.

    `fresh` · `empty`: nothing restorable yet, and not for long enough to ring · `unread`: its
    archive was not read lately, and its newest known point would still be young enough · `warn` ·
    `page`: so old, or gone, that people are rung.
    """

    FRESH = "fresh"
    EMPTY = "empty"
    UNREAD = "unread"
    WARN = "warn"
    PAGE = "page"


POINT_MOVES: Mapping[str, frozenset[str]] = {
    state: frozenset(PointState) - {state} for state in PointState
}


OWN, OWN_NAME = "tocsin-itself", "Tocsin"
"""Tocsin's own database: in archives and keys, and for people."""
RANK = tuple(PointState)
"""From nothing to tell to the worst."""


class ProofState(StrEnum):
    """One restore test of one backup replica.

    `running` · `passed`: its rows were read back · `failed`: what the archive holds does not come
    back · `void`: it told nothing about the archive (a store that is away, a host without room).
    """

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    VOID = "void"


PROOF_MOVES: Mapping[str, frozenset[str]] = {
    ProofState.RUNNING: frozenset({"passed", "failed", "void"}),
    ProofState.PASSED: frozenset(),
    ProofState.FAILED: frozenset(),
    ProofState.VOID: frozenset(),
}


class SnapshotState(StrEnum):
    """One run of the provider's daily snapshot of one database.

    `running` · `kept`: whole at the third site · `failed`: the provider may have something of it ·
    `gone`: it has nothing of it.
    """

    RUNNING = "running"
    KEPT = "kept"
    FAILED = "failed"
    GONE = "gone"


SNAPSHOT_MOVES: Mapping[str, frozenset[str]] = {
    SnapshotState.RUNNING: frozenset({"kept", "failed"}),
    SnapshotState.KEPT: frozenset({"gone"}),
    SnapshotState.FAILED: frozenset({"gone"}),
    SnapshotState.GONE: frozenset(),
}


class LoanState(StrEnum):
    """A volume of the provider's snapshot, made for one restore.

    `wanted` · `ready`: a host can read it · `over`: nobody needs it, and the provider may have it
    yet · `gone`: the provider has none of it any more.
    """

    WANTED = "wanted"
    READY = "ready"
    OVER = "over"
    GONE = "gone"


LOAN_MOVES: Mapping[str, frozenset[str]] = {
    LoanState.WANTED: frozenset({"ready", "over"}),
    LoanState.READY: frozenset({"over"}),
    LoanState.OVER: frozenset({"gone"}),
    LoanState.GONE: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Terms:
    """A promise: at most `promise` is lost. `warn` and `page`: ages at which somebody is told and
    rung; `grace`: how far the archive may lag behind a job's "ok" before that word is doubted."""

    promise: timedelta
    warn: timedelta
    page: timedelta
    grace: timedelta
    is_continuous: bool


CONTINUOUS = Terms(
    promise=timedelta(minutes=30),
    warn=timedelta(minutes=15),
    page=timedelta(minutes=24),
    grace=timedelta(minutes=5),
    is_continuous=True,
)
DAILY = Terms(
    promise=timedelta(hours=24),
    warn=timedelta(hours=20),
    page=timedelta(hours=22),
    grace=timedelta(hours=2),
    is_continuous=False,
)


def terms_of(engine: str, number: int, continuous: Terms = CONTINUOUS) -> Terms:
    """PostgreSQL archives all the time into replicas 1 and 2; replica 3 is the provider's daily
    snapshot of whatever engine (B3)."""
    return continuous if engine == "postgresql" and number < 3 else DAILY


@dataclass(frozen=True, slots=True)
class Site:
    """Where something lies; coordinates None: nobody knows."""

    name: str
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """The newest restorable moment of one archive.

    `moment`: as the archive has it, by the clock of the server that wrote it; `seen_at`: when that
    rose last, by ours; `base`: the base backup that it begins from; `opens`: the oldest moment from
    which on every one can be asked for but those within `cuts`, None: its newest state alone comes
    back.
    """

    moment: datetime
    seen_at: datetime
    lsn: str = ""
    base: str = ""
    opens: datetime | None = None
    cuts: tuple[tuple[datetime, datetime], ...] = ()

    @property
    def at(self) -> datetime:
        """What may be promised: nothing can be in the archive that was written after we saw it,
        so a server whose clock is ahead makes no point younger than it is."""
        return min(self.moment, self.seen_at)


@dataclass(frozen=True, slots=True)
class JobWord:
    """The newest "ok" of the job that fills this archive, by its agent."""

    ok_at: datetime
    said: str = ""


@dataclass(frozen=True, slots=True)
class Copy:
    """Backup replica `number` of a database, with what was read of it.

    `place` None: its store's place is unknown. `read_at` None: never read; `error`: why the look
    at `looked_at` failed. `had_point`: something was restorable once. `missing`: gaps, a sentence
    each, since `missing_since`; `is_cut`: what is newest in it cannot be restored for one of them.
    `disproof`: why its last restore test failed. `passed_at`: when replica 1 first had more than
    this one, where that is known. `unusual`: what its newest backup has that those before it had
    not. `state`, `state_at`: as last judged.
    """

    key: str
    number: int
    store: str
    place: Site | None
    since: datetime
    read_at: datetime | None = None
    looked_at: datetime | None = None
    error: str = ""
    point: Point | None = None
    had_point: bool = False
    missing: tuple[str, ...] = ()
    missing_since: datetime | None = None
    is_cut: bool = False
    bytes: int = 0
    job: JobWord | None = None
    proven_at: datetime | None = None
    disproof: str = ""
    passed_at: datetime | None = None
    unusual: str = ""
    state: PointState = PointState.EMPTY
    state_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Database:
    """A database with its backup replicas, by number. `primary`: the datacenter that it is written
    in now (else where it belongs); `standbys`: other datacenters that hold a running copy.
    `is_written`: users are served; while they are not, no archive can get younger. `continuous`:
    what is promised where it is archived all the time."""

    key: str
    name: str
    engine: str
    home: Site
    primary: str
    copies: tuple[Copy, ...] = ()
    standbys: tuple[str, ...] = ()
    is_written: bool = True
    continuous: Terms = CONTINUOUS

    def terms(self, number: int) -> Terms:
        """What is promised of this replica of it."""
        return terms_of(self.engine, number, self.continuous)

    def copy(self, number: int) -> Copy | None:
        return next((one for one in self.copies if one.number == number), None)


@dataclass(frozen=True, slots=True)
class Run:
    """One finished base backup or daily snapshot, as the archive's listing shows it."""

    backup: str
    bytes: int
    seconds: float
