"""What a drill begins on its own hosts, and how it ends. Standard library only."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

HEARD_SECONDS = 10.0
"""A drill host that has reported within them is there."""
NOT_PROVEN = "not proven:"
"""How it begins that nobody will ever see that something is gone."""
MOST_THINGS = 30
"""On one host: its report has to fit a frame."""
DATABASE_MIB = 160
"""What a restored server takes: its buffers, and what replays."""
_TWINS = uuid.UUID("6f2b7c1e-5a53-4c0b-9d0e-d41100000004")


class ThingKind(StrEnum):
    DATABASE = "database"
    APPLICATION = "application"


class ThingState(StrEnum):
    """`wanted`: written, and its host is told · `stands`: its host has asked it, and was answered ·
    `removing`: in no list any more · `gone`: its host has looked since, and nothing is left."""

    WANTED = "wanted"
    STANDS = "stands"
    FAILED = "failed"
    REMOVING = "removing"
    GONE = "gone"


NAMED_MOVES: Mapping[tuple[ThingState, ThingState], str] = {
    (ThingState.WANTED, ThingState.STANDS): "see",
    (ThingState.WANTED, ThingState.FAILED): "hear_failure",
    (ThingState.WANTED, ThingState.REMOVING): "remove",
    (ThingState.STANDS, ThingState.REMOVING): "remove",
    (ThingState.FAILED, ThingState.REMOVING): "remove",
    (ThingState.REMOVING, ThingState.GONE): "see_gone",
}
THING_MOVES: Mapping[str, frozenset[str]] = {
    state: frozenset(str(after) for before, after in NAMED_MOVES if before is state)
    for state in ThingState
}
LISTED = frozenset({ThingState.WANTED, ThingState.STANDS, ThingState.FAILED})
"""What its host is told of; all else that bears a drill's name is removed there."""


def twin(id: str) -> str:
    """The id under which a drill knows what has this one in production: another id, for ever the
    same, and nothing in production has it."""
    return str(uuid.uuid5(_TWINS, id))


Stamp = tuple[int, int]
"""Of a list: the incarnation of the rows, and the host's own count."""


@dataclass(frozen=True, slots=True)
class HostSight:
    """A drill host. `quiet`: seconds since its last report, None: there was none; `taken`: MiB of
    what is listed on it, in `things` things; `ports`: taken by them."""

    key: str
    name: str
    memory: int
    quiet: float | None
    taken: int = 0
    things: int = 0
    ports: frozenset[int] = field(default_factory=frozenset)

    @property
    def is_heard(self) -> bool:
        return self.quiet is not None and self.quiet <= HEARD_SECONDS

    @property
    def free(self) -> int:
        return max(0, self.memory - self.taken)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a report says of what is left: after which list, and whether it could look at all."""

    stamp: Stamp
    at: datetime
    left: Mapping[str, tuple[str, ...]]
    trouble: str = ""
