"""What scheduling looks at and what it orders: frozen values, no Django.

Scheduling never judges whether a host lives. Detection writes its verdict and its permission
to replace on the host's row; both arrive here as facts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from recovery.inventory.facts import SEATED, ApplicationKind, PlacementState, Replace, Verdict

Vector: TypeAlias = tuple[int, ...]
"""One number per `Dimension`, in the snapshot's order."""


Kind: TypeAlias = ApplicationKind
SeatState: TypeAlias = PlacementState
ACTIVE = frozenset({SeatState.PLANNED, SeatState.STARTING, SeatState.RUNNING, SeatState.SICK})
"""States of a seat that is meant to serve."""
OCCUPYING = frozenset(SeatState(state) for state in SEATED)
"""States in which a seat takes capacity and keeps a second one of its application away."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """One resource: its column's name, the word for it, its unit for people and how many of the
    column's make one of those."""

    name: str
    label: str
    unit: str
    per_unit: int = 1

    def in_words(self, amount: int) -> str:
        """ "1.5 cores", "468 MiB"."""
        return f"{amount / self.per_unit:g} {self.unit}"


DIMENSIONS = (
    Dimension("cpu_millis", "CPU", "cores", 1000),
    Dimension("memory_mib", "memory", "MiB"),
)


@dataclass(frozen=True, slots=True)
class HostFact:
    """A host. `used` sums all that occupies it: seats in any `OCCUPYING` state (also those of
    applications that are not in the snapshot) and whatever else was reserved there. `deaf`: it is
    heard, and takes no orders; `outside`: a recovery plan places nothing there. `joining_at`: of
    one that was never seen, when it was last invited or enrolled."""

    id: str
    name: str
    datacenter: str
    rack: str
    capacity: Vector
    used: Vector
    labels: frozenset[str] = frozenset()
    cordoned: bool = False
    draining: bool = False
    quarantined: bool = False
    deaf: bool = False
    outside: bool = False
    verdict: Verdict = Verdict.ALIVE
    replace: Replace = Replace.NONE
    joining_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SlotFact:
    """One wanted copy. `generation` is the highest that any of its seats ever had;
    `failures` counts its seats that failed lately, `failed_on` says where."""

    ordinal: int
    generation: int = 0
    failures: int = 0
    failed_at: datetime | None = None
    failed_on: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ApplicationFact:
    """An application. A higher `priority` goes first. `slots` may miss copies never placed."""

    id: str
    name: str
    wanted: int
    need: Vector
    priority: int = 0
    kind: Kind = Kind.STATELESS
    labels: frozenset[str] = frozenset()
    slots: tuple[SlotFact, ...] = ()


@dataclass(frozen=True, slots=True)
class SeatFact:
    """A placement that occupies a host (stopped and failed ones are only in `SlotFact`).

    `provisional`: a newer generation that is not yet the seat of record. `released`: for a
    container of which only one may run, a fencing proof or a person's word is on record.
    `asked`: false for a planned seat that no operation starts.
    """

    id: str
    application: str
    ordinal: int
    host: str
    generation: int
    state: SeatState
    since: datetime
    provisional: bool = False
    released: bool = False
    asked: bool = True


@dataclass(frozen=True, slots=True)
class Policy:
    """Thresholds. `places_at_once` and `paced_at_once` are what the governor grants now.

    `trusts_suspicion` is false for who has only just begun to watch: what was declared goes on,
    nothing starts on a suspicion that somebody else had. `frozen`: why no seat is given now; else a
    seat could stand where a recovery plan leads everything away from.
    """

    sick_patience: timedelta = timedelta(seconds=60)
    retry_first: timedelta = timedelta(seconds=5)
    retry_most: timedelta = timedelta(minutes=5)
    places_at_once: int | None = None
    paced_at_once: int | None = None
    trusts_suspicion: bool = True
    frozen: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All hosts; and for each application given, all of its occupying seats. `asked`: every label
    that any application asks for, given or not. `forming`: why copies that were never placed wait
    for more hosts to be seen (`forming.py`); empty: they do not."""

    hosts: tuple[HostFact, ...]
    applications: tuple[ApplicationFact, ...]
    seats: tuple[SeatFact, ...]
    dimensions: tuple[Dimension, ...] = DIMENSIONS
    policy: Policy = field(default_factory=Policy)
    asked: frozenset[str] = frozenset()
    forming: str = ""


class Cause(StrEnum):
    """Why a seat is wanted, or why something waits."""

    NEW = "new copy"
    LOST = "host lost"
    HUNG = "host hung"
    SUSPECT = "host suspect"
    DRAIN = "drain"
    SICK = "sick"
    FAILED = "failed"
    HELD = "held"
    FENCE = "fencing"
    BACKOFF = "backoff"
    GOVERNOR = "governor"
    VERDICT = "verdict"
    UNREACHABLE = "unreachable"
    FORMING = "fleet forming"


@dataclass(frozen=True, slots=True)
class Want:
    """A seat to be found. `stop_first`: the old one (`replaces`) must be gone before it starts."""

    application: str
    ordinal: int
    generation: int
    cause: Cause
    reason: str
    provisional: bool = False
    replaces: str = ""
    paced: bool = False
    stop_first: bool = False
    avoid: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Place:
    """Give the slot a seat of this generation on this host. `start=False` only reserves it: the
    old seat, of which no second may run, is being stopped. `first`: nothing else answers."""

    application: str
    ordinal: int
    generation: int
    host: str
    provisional: bool
    cause: Cause
    reason: str
    replaces: str = ""
    start: bool = True
    first: bool = False


@dataclass(frozen=True, slots=True)
class Confirm:
    """The provisional seat becomes the seat of record; `start`: it was only reserved so far;
    `is_move`: the old one was moved from, and nothing was suspected."""

    seat: str
    reason: str
    start: bool = False
    is_move: bool = False


@dataclass(frozen=True, slots=True)
class Lose:
    """The seat's host was declared lost (or hung): it is not routed to any more."""

    seat: str
    reason: str


@dataclass(frozen=True, slots=True)
class Readopt:
    """The host is back and nobody took the place: the lost seat is the seat again."""

    seat: str
    reason: str


@dataclass(frozen=True, slots=True)
class Start:
    """Ask again for the start of a planned seat: what asked for it was withdrawn."""

    seat: str
    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the container of this seat. `withdrawal`: it was a provisional one, not needed."""

    seat: str
    reason: str
    withdrawal: bool = False


Order: TypeAlias = Lose | Confirm | Readopt | Start | Stop | Place


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that is wanted and deliberately not done now, with the reason."""

    application: str
    ordinal: int
    cause: Cause
    reason: str
    seat: str = ""


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A wanted seat that fits nowhere. `binding` is the constraint which, lifted alone, would
    make room on at least one host (empty: several bind at once); `rejected` counts hosts."""

    want: Want
    binding: str
    reason: str
    rejected: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """Orders in the order in which they are to be carried out, and every no with its reason."""

    orders: tuple[Order, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    unplaced: tuple[Unplaced, ...] = ()

    @property
    def places(self) -> tuple[Place, ...]:
        return tuple(order for order in self.orders if isinstance(order, Place))
