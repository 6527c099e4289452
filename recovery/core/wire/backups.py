"""What an agent tells about the backups of its databases. For people: what can be restored is read
from the stores themselves, never from here."""

from __future__ import annotations

from typing import Literal

import msgspec


class StoreSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Where a replica of the backups lies, named for people ("replica 2, Lyon"). A bucket's keys
    are named, never sent: the host has a file of them (`credentials`)."""

    name: str
    kind: Literal["folder", "bucket"]
    folder: str = ""
    endpoint: str = ""
    bucket: str = ""
    region: str = "us-east-1"
    credentials: str = ""


class BackupSpec(msgspec.Struct, frozen=True, kw_only=True):
    """How a database is backed up by the host of its primary. `key`: the id of the key that seals
    it; the host has a file of them. Seconds between two bases or snapshots; how many of them the
    stores keep at least, and of how many days every moment; `lock_days`: 0 asks for no lock.
    `keeps_all`: nothing is removed anywhere for its age, until a list says otherwise."""

    key: str
    stores: tuple[StoreSpec, ...]
    every: float = 86400.0
    backups: int = 2
    days: float = 7.0
    lock_days: float = 0.0
    keeps_all: bool = False


class StoreFact(msgspec.Struct, frozen=True, kw_only=True):
    """One store of one database. Moments in milliseconds since 1970, 0 unknown. `missing`: objects
    that this host has and the store has not; `lag_ms`: since when the oldest of them waits."""

    name: str
    place: str
    newest_at: int = 0
    missing: int = 0
    lag_ms: int = 0
    trouble: str = ""


class BackupFact(msgspec.Struct, frozen=True, kw_only=True):
    """One database of this host. `state`: "waiting" for its server, "streaming", "failed" with
    `trouble`. `moment`: commits up to then are on this host's spool. `done`, `total`: bytes of the
    backup that runs, 0 none."""

    replica: str
    database: str
    state: str
    timeline: int = 0
    position: int = 0
    moment: int = 0
    done: int = 0
    total: int = 0
    spool_bytes: int = 0
    stores: tuple[StoreFact, ...] = ()
    trouble: str = ""


RestoreState = Literal["running", "staged"]


class RestoreSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A restore that a host is to make, go on with, or drop. `restore`: its name for ever, whatever
    operation asks for it. `store` and `key`: where it is read and what opens it, by reference;
    `to`: milliseconds since 1970, 0 the newest moment. `scratch`: only to see that it can be done:
    nothing of it is left. `timeline`: the highest that anybody knows of this database: what is
    restored begins one above it, so that it never takes the name of a history that was left."""

    restore: str
    store: StoreSpec | None = None
    key: str = ""
    to: int = 0
    scratch: bool = False
    timeline: int = 0


class RestoreFact(msgspec.Struct, frozen=True, kw_only=True):
    """A restore on this host. `staged`: proven, and beside the place where it is to serve. `done`
    of `total` bytes are unpacked; `speed` in bytes a second; `left_ms`: until it is
    staged, -1: not known yet. `still_ms`: since anything of it went on, a byte that came, was safe
    or was replayed, -1: its agent does not say."""

    restore: str
    replica: str
    state: RestoreState
    phase: str = ""
    done: int = 0
    total: int = 0
    speed: float = 0.0
    left_ms: int = -1
    still_ms: int = -1


class RestoreResult(msgspec.Struct, frozen=True, kw_only=True):
    """The detail of a restore that is done. `moment`, `canary`: milliseconds since 1970, 0 none:
    every commit acknowledged up to `moment` is in it; the newest canary row was read back.
    `size`: bytes unpacked, in `seconds` with its proof; `speed`: bytes a second until fetched."""

    backup: str
    moment: int
    canary: int
    timeline: int
    size: int
    seconds: float
    speed: float


class ExportResult(msgspec.Struct, frozen=True, kw_only=True):
    """The detail of an export that is done: what is in which store under `export`. `bytes`: sealed,
    in so many `objects`; `digest`: of them all (core/archive/exports.py); `files`: inside, of
    `plain` bytes; `said`: what they hold, in a sentence."""

    export: str
    store: str
    objects: int
    bytes: int
    digest: str
    files: int
    plain: int
    said: str = ""
