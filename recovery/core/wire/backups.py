"""What an agent tells about the backups of its databases. For people: what can be restored is read
from the stores themselves, never from here."""

from __future__ import annotations

import msgspec


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
