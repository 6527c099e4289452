"""One copy of a database as people see it. Frozen values; pure.

Invariant: what nobody saw is never drawn as fine: without a word of its agent a copy is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recovery.failover.words import GONE
from recovery.inventory.facts import ReplicaState, Role, Verdict

RUNS = "running"


@dataclass(frozen=True, slots=True)
class CopyView:
    """One replica: what was decided of it, and what its agent last said."""

    id: str
    name: str
    host: str
    site: str
    rack: str
    verdict: str
    role: str
    state: str
    may_be_promoted: bool
    reason: str
    role_at: datetime
    at: datetime | None
    server: str
    epoch: int
    is_writable: bool
    position: int
    timeline: int
    lag: float | None
    follows: str
    healthy: float
    well_after: float
    gate: str
    gate_kind: str
    promised: float
    is_streaming: bool
    is_synchronous: bool
    alone: str
    detail: str

    @property
    def tone(self) -> str:
        if self.verdict in GONE:
            return "down"
        if self.state == ReplicaState.QUARANTINED or self.role == Role.OUT:
            return "care"
        if self.at is None or self.verdict != Verdict.ALIVE:
            return "unknown"
        return "" if self.server == RUNS else "risk"

    @property
    def word(self) -> str:
        """Its state in words that a table shows."""
        if self.verdict != Verdict.ALIVE:
            return f"host {self.verdict}"
        if self.state == ReplicaState.QUARANTINED:
            return "quarantined"
        if self.at is None:
            return "not seen yet"
        if self.role == Role.STANDBY and self.server == RUNS:
            return self._follows_word
        return self.server

    @property
    def _follows_word(self) -> str:
        if not self.is_streaming:
            return "does not follow yet"
        if not self.is_proven:
            return f"follows, not yet for {self.well_after:.0f} s"
        return f"follows, {'synchronous' if self.is_synchronous else 'asynchronous'}"

    @property
    def is_proven(self) -> bool:
        """Well for long enough to be promoted (I-DB-6)."""
        return self.healthy >= self.well_after

    @property
    def unknown_said(self) -> str:
        """Why nobody can tell when it serves, though its host is not known to be gone."""
        if self.verdict == Verdict.ALIVE:
            return f"unknown: its server runs on {self.host}, and no write is acknowledged"
        return f"unknown: {self.host} is {self.verdict}"

    @property
    def shape(self) -> str:
        """The glyph of its copy: the decided role, unless something is wrong with it."""
        return self.tone or ("primary" if self.role == Role.PRIMARY else "standby")

    @property
    def could_lead(self) -> bool:
        """A standby that a failover could take, as far as a screen can tell."""
        return (
            self.role == Role.STANDBY
            and self.may_be_promoted
            and not self.tone
            and self.is_streaming
            and self.is_proven
        )
