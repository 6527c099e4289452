"""Orders to the outside world and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID


class OperationState(StrEnum):
    """`waiting`: for the governor · `intended`: may be handed out · `handed`: sent to the
    agent · `done`, `failed`, `refused`: observed · `unknown`: looked at again, never assumed ·
    `withdrawn`: no longer wanted before it was handed out."""

    WAITING = "waiting"
    INTENDED = "intended"
    HANDED = "handed"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    WITHDRAWN = "withdrawn"


MOVES: Mapping[str, frozenset[str]] = {
    OperationState.WAITING: frozenset({"intended", "withdrawn"}),
    OperationState.INTENDED: frozenset(
        {"handed", "withdrawn", "unknown", "done", "failed", "refused"}
    ),
    OperationState.HANDED: frozenset({"done", "failed", "refused", "unknown"}),
    OperationState.UNKNOWN: frozenset({"done", "failed", "refused"}),
    OperationState.DONE: frozenset(),
    OperationState.FAILED: frozenset(),
    OperationState.REFUSED: frozenset(),
    OperationState.WITHDRAWN: frozenset(),
}

IN_FLIGHT = frozenset({"intended", "handed"})
UNFINISHED = frozenset({"waiting", "intended", "handed", "unknown"})
UNDER_WAY = UNFINISHED - {"unknown"}
"""Its agent has not answered yet. Of an unknown outcome it says no more by itself."""


class Verb(StrEnum):
    """The closed catalogue of what an agent may be ordered to do (A6). None destroys anything:
    a rejoin and an adoption keep what they would overwrite (I-DB-5), what is discarded is a restore
    that serves nobody, what is kept is put aside as it is, and an export reads alone."""

    START = "start"
    STOP = "stop"
    ASK = "ask"
    FENCE = "fence"
    PROMOTE = "promote"
    RESTART = "restart"
    REJOIN = "rejoin"
    RESTORE = "restore"
    ADOPT = "adopt"
    DISCARD = "discard"
    KEEP = "keep"
    EXPORT = "export"


DATABASE_VERBS = frozenset(Verb) - {Verb.START, Verb.STOP}
"""What is done to a replica; the others are done to a seat."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something to do to a replica on its host, decided at its database's epoch."""

    verb: Verb
    replica: UUID
    host: UUID
    database_epoch: int
    urgency: int = 0
    params: Mapping[str, object] = field(default_factory=dict)
