"""The port of database engines: what an agent may ask of the server beside it.

One `DatabaseEngine` stands for one replica's folder on this host. It never starts the server and
never keeps it running: somebody else (a watchdog process) spawns `command()` and waits for it.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol

from recovery.core.errors import TocsinError
from recovery.core.wire import DatabaseSpec, Member, StandbyFact, derive_secret

DATABASE = "app"
"""The clients' database, where an engine has names for them."""


class Login(StrEnum):
    """The roles of every server, each with a password derived from the database's secret. The
    administrator comes through a socket in a closed folder."""

    ADMIN = "tocsin_admin"
    REPLICATION = "tocsin_replication"
    CLIENT = "tocsin_app"
    PROBE = "tocsin_probe"

    def password(self, secret: str) -> str:
        """The same on every member, without anybody sending it."""
        return derive_secret(secret, f"password {self}").hex()


class EngineFailed(TocsinError):
    """The act did not happen, in the engine's own words; what was there before is still there."""


def _directly(member: Member) -> tuple[str, int]:
    return member.address, member.port


@dataclass(frozen=True, slots=True)
class Place:
    """Where a replica lives on this host.

    `folder` belongs to it alone. `listen`: the address its server listens on, which may be an
    inner one; `also`: further ones, where this host has them. `reach`: where another member's
    server is reached from here, when that is not its own address (an agent may pass the
    connection on, to give it this host's source address).
    """

    folder: Path
    listen: str
    reach: Callable[[Member], tuple[str, int]] = _directly
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """How the server is started. It stays in the foreground and writes to `log` (append).

    `polite` ends it in order, and may be refused (Valkey, while it writes its first file). To end
    it at once, SIGKILL must reach every descendant: PostgreSQL's sessions are process groups of
    their own, and one whose parent died may still acknowledge. The starter must `wait()` for it,
    or its pid file names a process that seems to live.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    log: Path
    polite: signal.Signals


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the server itself says now, in the words of `wire.ReplicaFact`.

    `role` is what it is, whatever was decided. `position` never falls while the server runs in
    one role; a promotion drops a last record of which only a part had come (nobody was told that
    it is safe). `follows`: the replica that it streams from; `unheard_ms`: for how long nothing
    came from there, though the connection stands. `settings`: in seconds and bytes, yes is 1.
    `needs_restart`: a setting waits for one.
    """

    role: Literal["primary", "standby"]
    is_writable: bool
    version: str
    system: str
    timeline: int
    position: int
    lag_ms: int = -1
    follows: str = ""
    is_streaming: bool = False
    unheard_ms: int = 0
    standbys: tuple[StandbyFact, ...] = ()
    settings: Mapping[str, float] = field(default_factory=dict)
    cancelled_waits: int = 0
    needs_restart: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Divergence:
    """What this replica's data have that its primary's do not.

    `parted_at`: the position from which on the two differ, where the engine's log tells it.
    `changes`: so many transactions, or keys, only here; `rows`: what they are, a sentence each.
    `is_known` False: it cannot be told, so it must be supposed.
    """

    is_divergent: bool
    parted_at: int = 0
    changes: int = 0
    unit: str = "transactions"
    rows: tuple[str, ...] = ()
    is_known: bool = True
    reason: str = ""

    @property
    def alone(self) -> str:
        """For people: the rows that only this one has; nothing where there are none."""
        if not self.is_divergent:
            return ""
        if not self.is_known:
            return f"what only this one has cannot be told: {self.reason}"
        if not self.changes and not self.rows:
            return ""
        what = "; ".join(self.rows) or "no rows of tables"
        return f"{self.changes} {self.unit} differ: {what}"


@dataclass(frozen=True, slots=True)
class Rejoined:
    """How data were made fit to follow. `kept`: the folder with what was there before."""

    how: Literal["follows", "rewound", "reseeded"]
    divergence: Divergence
    kept: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """Data that were put aside: under which name, and how large. Empty: there were none."""

    name: str
    size: int


class DatabaseEngine(Protocol):
    """A database server of this host, stopped or running.

    Invariants: data are there whole or not at all, so every act may be killed at any point and
    asked for again; nothing that only this replica has is ever removed, it is moved to `kept`;
    data that were a standby's become a primary's by `promote` alone, never by a start; data in a
    role other than primary start read-only. Acts raise `EngineFailed` (it did not happen) or
    `EngineAway` (nobody could be asked, so it may be tried again).
    """

    name: str

    def is_made(self) -> bool:
        """True when data are there. `EngineFailed` when they are another version's."""

    async def make(self, spec: DatabaseSpec) -> None:
        """A new, empty primary with its roles; nothing when data are there."""

    async def clone(self, spec: DatabaseSpec) -> None:
        """A standby's data from the primary among the members; nothing when data are there."""

    async def arrange(self, spec: DatabaseSpec) -> None:
        """Before every start: the files of this role, no stale pid; refuses while one runs."""

    def command(self, spec: DatabaseSpec) -> Command:
        """How to start the server that `arrange` prepared."""

    async def accepts(self, seconds: float) -> None:
        """Returns when the server answers; `EngineAway` with its last words otherwise."""

    async def look(self, spec: DatabaseSpec) -> ServerFacts:
        """What it is now; `EngineAway` when it does not answer."""

    async def configure(self, spec: DatabaseSpec) -> None:
        """The running server has this spec's settings when it returns, promoted or not."""

    async def promote(self, spec: DatabaseSpec, *, seconds: float = 30.0) -> None:
        """A running standby is a primary afterwards; a primary stays what it is."""

    async def repoint(self, spec: DatabaseSpec) -> None:
        """A running standby follows the primary among the members; `look` says since when."""

    async def ended_at(self) -> int | None:
        """Stopped in order: the position at which its log ends. None: its files do not tell."""

    async def divergence(self, spec: DatabaseSpec) -> Divergence:
        """Of a stopped server's data against the primary among the members."""

    async def rejoin(self, spec: DatabaseSpec) -> Rejoined:
        """A stopped server's data can follow the primary afterwards: as they are, rewound, or
        cloned anew; whatever only they had is kept."""

    async def keep(self) -> Kept:
        """A stopped server's data go to `kept` as they are; again, it tells those that went."""

    async def close(self) -> None:
        """Lets go of the server; it keeps running."""
