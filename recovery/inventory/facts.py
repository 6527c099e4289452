"""What there is to keep alive, and the states of a seat. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

K = TypeVar("K")
DEAF_AFTER = timedelta(seconds=75)
"""An agent whose session stands reports fully every 30 s."""
SILENT_AFTER = timedelta(seconds=40)
SOONER_SILENT = timedelta(seconds=15)
"""An agent with databases tells of them every second or two."""


class DomainKind(StrEnum):
    """Things that fail together below a datacenter."""

    ROOM = "room"
    RACK = "rack"
    FEED = "feed"


class Verdict(StrEnum):
    """What Tocsin holds to be true of a host (truth table, safety.md section 1)."""

    ENROLLING = "enrolling"
    ALIVE = "alive"
    SUSPECT = "suspect"
    AGENT_DOWN = "agent-down"
    HUNG = "hung"
    ISOLATED = "isolated"
    LOST = "lost"
    UNKNOWN = "unknown"


_SEEN = frozenset(Verdict) - {Verdict.ENROLLING}
VERDICT_MOVES: Mapping[str, frozenset[str]] = {
    verdict: frozenset(_SEEN - {verdict}) for verdict in Verdict
}


class Replace(StrEnum):
    """What detection permits scheduling to do with the containers of a host."""

    NONE = "none"
    PROVISIONAL = "provisional"
    ALLOWED = "allowed"
    PACED = "paced"
    HELD = "held"


class ApplicationKind(StrEnum):
    """`stateless` may run twice for a moment; a `singleton` never (I-CT-1)."""

    STATELESS = "stateless"
    SINGLETON = "singleton"


class PlacementState(StrEnum):
    """The life of a seat. `lost`: its host was declared lost while it sat there."""

    PLANNED = "planned"
    STARTING = "starting"
    RUNNING = "running"
    SICK = "sick"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    LOST = "lost"


PLACEMENT_MOVES: Mapping[str, frozenset[str]] = {
    PlacementState.PLANNED: frozenset(
        {"starting", "running", "failed", "stopping", "stopped", "lost"}
    ),
    PlacementState.STARTING: frozenset({"running", "sick", "failed", "stopping", "lost"}),
    PlacementState.RUNNING: frozenset({"sick", "failed", "stopping", "stopped", "lost"}),
    PlacementState.SICK: frozenset({"running", "failed", "stopping", "stopped", "lost"}),
    PlacementState.STOPPING: frozenset({"stopped", "lost"}),
    PlacementState.LOST: frozenset({"starting", "stopping", "stopped"}),
    PlacementState.FAILED: frozenset(),
    PlacementState.STOPPED: frozenset(),
}

SEATED = frozenset({"planned", "starting", "running", "sick", "stopping", "lost"})
"""States in which something may run on the host: they take its capacity and keep a second seat
of the application away. A lost seat is among them: its host may return."""

DESIRED = frozenset({"starting", "running", "sick"})
"""States of a seat that its host's agent is told to keep running."""

SERVING = frozenset({"running", "sick"})
"""States in which a container may answer; only `running` is known to."""


class Plan(StrEnum):
    """`business` fails over by itself (H7); `starter` waits for its host or a person (H8)."""

    STARTER = "starter"
    BUSINESS = "business"


class Durability(StrEnum):
    """`synchronous`: an acknowledged write is on a standby first (I-DB-2)."""

    SYNCHRONOUS = "synchronous"
    ASYNCHRONOUS = "asynchronous"


class Profile(StrEnum):
    """How long a lease lasts (safety.md 3.2); `fast` is opt-in."""

    STANDARD = "standard"
    FAST = "fast"


class StandbyLoss(StrEnum):
    """What a synchronous database does without its standby: stop acknowledging writes, or go on
    degraded once the control plane has recorded that it is not failoverable."""

    BLOCK = "block"
    DEGRADE = "degrade"


class DatabaseState(StrEnum):
    """`making`: never served yet · `serving` · `failing-over`: nobody may be written to until
    a standby is promoted · `waiting`: for its host, a candidate or a person, and says why."""

    MAKING = "making"
    SERVING = "serving"
    FAILING_OVER = "failing-over"
    WAITING = "waiting"


DATABASE_MOVES: Mapping[str, frozenset[str]] = {
    DatabaseState.MAKING: frozenset({"serving", "waiting", "failing-over"}),
    DatabaseState.SERVING: frozenset({"failing-over", "waiting"}),
    DatabaseState.FAILING_OVER: frozenset({"serving", "waiting"}),
    DatabaseState.WAITING: frozenset({"serving", "failing-over", "making"}),
}


class Role(StrEnum):
    """What was decided that a replica is. `out`: it may not run for clients."""

    PRIMARY = "primary"
    STANDBY = "standby"
    OUT = "out"


class ReplicaState(StrEnum):
    """`member`: one of its database · `quarantined`: set apart with rows that only it has ·
    `retired`: another copy took its place."""

    MEMBER = "member"
    QUARANTINED = "quarantined"
    RETIRED = "retired"


REPLICA_MOVES: Mapping[str, frozenset[str]] = {
    ReplicaState.MEMBER: frozenset({"quarantined", "retired"}),
    ReplicaState.QUARANTINED: frozenset({"member", "retired"}),
    ReplicaState.RETIRED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class DatabaseDescription:
    """What a database is meant to be. `unproven_gaps_by`: who accepts the fast profile before
    its renewal gaps were measured; `port`: where its servers listen on their hosts;
    `edge_port`: where its users reach it."""

    name: str
    engine: str
    plan: Plan
    durability: Durability
    port: int
    edge_port: int | None = None
    about: str = ""
    engine_version: str = ""
    profile: Profile = Profile.STANDARD
    unproven_gaps_by: str = ""
    standby_loss: StandbyLoss = StandbyLoss.DEGRADE
    priority: int = 50
    settings: Mapping[str, str] = field(default_factory=dict)

    def refusal(self) -> str:
        """Why there can be no such database, or nothing."""
        if self.plan is Plan.STARTER and self.durability is Durability.SYNCHRONOUS:
            return f"{self.name} is on the starter plan: it has no standby to be synchronous with."
        if self.profile is Profile.FAST and not self.unproven_gaps_by:
            return (
                f"{self.name}: the fast profile needs 7 days of renewal gaps below half of its"
                " lease, or the name of who accepts unproven ones."
            )
        return ""


def deaf_hosts(told: Mapping[K, datetime | None]) -> dict[K, datetime]:
    """Hosts that may be heard and take no orders: their agents' sessions told nothing for long
    while others' did; since when. `told`: the last full report of each, None: there was none yet.
    Measured against the newest of all, so that an outage of the control plane makes none deaf."""
    known = {host: at for host, at in told.items() if at is not None}
    newest = max(known.values(), default=None)
    if newest is None:
        return {}
    return {host: at for host, at in known.items() if newest - at > DEAF_AFTER}


def is_silent(last: datetime | None, now: datetime, *, has_databases: bool) -> bool:
    """Whether this agent's last word is older than the next one should be; None: it never spoke."""
    return last is None or now - last > (SOONER_SILENT if has_databases else SILENT_AFTER)
