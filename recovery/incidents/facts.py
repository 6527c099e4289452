"""The life of an incident."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class IncidentState(StrEnum):
    """`mitigated`: every member is whole again, by observation. `resolved`: it stayed so."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"


MOVES: Mapping[str, frozenset[str]] = {
    IncidentState.OPEN: frozenset({"acknowledged", "mitigated"}),
    IncidentState.ACKNOWLEDGED: frozenset({"mitigated"}),
    IncidentState.MITIGATED: frozenset({"resolved", "open", "acknowledged"}),
    IncidentState.RESOLVED: frozenset(),
}

UNRESOLVED = frozenset({"open", "acknowledged", "mitigated"})


class MemberKind(StrEnum):
    """What may belong to an incident."""

    HOST = "host"
    APPLICATION = "application"
    DATABASE = "database"
    CONTROL = "control"
