"""The life of an incident."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class IncidentState(StrEnum):
    """`mitigated`: every member is whole again, by observation. `resolved`: it stayed so, or it
    is a part of a wider one, which goes on. What is back within minutes opens it again
    (`flapping`)."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"


MOVES: Mapping[str, frozenset[str]] = {
    IncidentState.OPEN: frozenset({"acknowledged", "mitigated", "resolved"}),
    IncidentState.ACKNOWLEDGED: frozenset({"open", "mitigated", "resolved"}),
    IncidentState.MITIGATED: frozenset({"resolved", "open", "acknowledged"}),
    IncidentState.RESOLVED: frozenset({"open", "acknowledged"}),
}

HURT = frozenset({"open", "acknowledged"})
UNRESOLVED = frozenset({"open", "acknowledged", "mitigated"})


class MemberKind(StrEnum):
    """What may belong to an incident."""

    HOST = "host"
    APPLICATION = "application"
    DATABASE = "database"
    CONTROL = "control"


@dataclass(frozen=True, slots=True)
class NewMember:
    """Something that an incident is about (`is_cause`) or hurts."""

    kind: MemberKind
    object_id: str
    name: str
    is_cause: bool = False


@dataclass(frozen=True, slots=True)
class MemberFact:
    """A member as it is now. `is_whole`: what the rows of the world say, with the reason."""

    member: int
    was_whole: bool
    is_whole: bool
    reason: str


@dataclass(frozen=True, slots=True)
class IncidentFact:
    """An unresolved incident. `whole_for`: seconds since it was mitigated, else None; `is_of_eyes`:
    it is that Tocsin itself was blind."""

    incident: str
    state: IncidentState
    members: tuple[MemberFact, ...]
    whole_for: float | None
    name: str = "it"
    is_of_eyes: bool = False
