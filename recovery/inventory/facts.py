"""What there is to keep alive, and the states of a seat. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


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
