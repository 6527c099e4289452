"""What the edge is told, and what its users were seen to get. Frozen values, no Django."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from recovery.inventory.facts import PlacementState, Verdict


@dataclass(frozen=True, slots=True)
class Backend:
    """A seat as the edge sees it. `ran_at`: when it last was seen to run, if ever."""

    application: str
    ordinal: int
    generation: int
    address: str
    port: int
    state: PlacementState
    verdict: Verdict
    provisional: bool = False
    ran_at: datetime | None = None
    health_path: str = "/healthz"

    @property
    def url(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"http://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Route:
    """An application's way in. `kept`: nothing answers; the last good backends are kept."""

    application: str
    servers: tuple[str, ...]
    health_path: str
    kept: bool = False


@dataclass(frozen=True, slots=True)
class EdgePolicy:
    """How long the edge waits before it asks another container.

    Worst case of a GET: `attempts` silent backends in a row, which the health check prevents
    after `check_every + check_within`. A check waits nearly as long as a request does: on a busy
    machine an impatient one takes every backend out at once, and users get 503 from nobody. While
    a check takes a backend out, the order of the others begins anew: with two silent ones of three
    four attempts were once spent on these two alone. A database's server has nobody beside it and
    is dialled for `dial_server_ms`: time for one packet to be lost.
    """

    dial_ms: int = 250
    dial_server_ms: int = 1_500
    answer_ms: int = 1_000
    attempts: int = 5
    pause_ms: int = 20
    check_every_ms: int = 1_000
    check_within_ms: int = 900
    kept_connections: int = 200
    domain: str = ""


class Answer(StrEnum):
    """What became of one probe. `unknown`: the prober or the edge itself failed."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Probe:
    """One request through the edge. Instants are the prober's monotonic seconds."""

    sent: float
    done: float
    answer: Answer
    detail: str = ""


class OutageState(StrEnum):
    """An outage is open until an answer was seen, or nothing could be seen any more."""

    OPEN = "open"
    ENDED = "ended"


OUTAGE_MOVES: Mapping[str, frozenset[str]] = {
    OutageState.OPEN: frozenset({"ended"}),
    OutageState.ENDED: frozenset(),
}


class Level(StrEnum):
    """The two service levels (H5)."""

    ONE = "one container"
    MANY = "two or more containers"


@dataclass(frozen=True, slots=True)
class Promise:
    """A level's availability over a calendar month."""

    level: Level
    availability: float


PROMISES: Mapping[Level, Promise] = {
    Level.ONE: Promise(Level.ONE, 0.999),
    Level.MANY: Promise(Level.MANY, 0.9999),
}


@dataclass(frozen=True, slots=True)
class OutageFact:
    """An interval in which an application answered nobody; `ended` is None while it lasts."""

    application: str
    started: datetime
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How an application stands this month, in seconds of outage."""

    level: Level
    availability: float
    allowed: float
    used: float

    @property
    def left(self) -> float:
        """What may still be used; below zero the promise is broken."""
        return self.allowed - self.used


@dataclass(frozen=True, slots=True)
class Door:
    """A database's entry point at the edge, and the one server that its users reach there: the
    primary of the present epoch, or "" while nobody may be written to."""

    database: str
    entry_point: str
    server: str
