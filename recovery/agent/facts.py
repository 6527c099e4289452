"""What the agent's decisions look at. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from recovery.core.ports import Sight
from recovery.core.wire import ContainerSpec


class Health(StrEnum):
    """What the health path said last."""

    UNKNOWN = "unknown"
    ANSWERS = "answers"
    FAILS = "fails"


@dataclass(frozen=True, slots=True)
class Track:
    """One placement's recent past: health, crashes, and when it may be tried again."""

    health: Health = Health.UNKNOWN
    misses: int = 0
    failing_since: float = 0.0
    running_since: float = 0.0
    has_run: bool = False
    restarts: int = 0
    streak: int = 0
    not_before: float = 0.0
    detail: str = ""


class Deed(StrEnum):
    """What may be done to a placement."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class Act:
    """One deed, with its reason for the log. `spec` is set for starts and restarts."""

    deed: Deed
    placement: str
    reason: str
    spec: ContainerSpec | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything one round decides on."""

    wanted: dict[str, ContainerSpec]
    sights: dict[str, Sight]
    tracks: dict[str, Track]
    busy: frozenset[str]
    quarantined: bool
    is_fresh: bool
