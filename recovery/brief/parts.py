"""The parts of a brief, as frozen values: what is shown, frozen and compared.

Invariant: they hold instants and spans of rows alone, never the hour, so that what a person saw and
what stands when the button is pressed differ only where the facts do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from recovery.brief.facts import Decided, FitFact, Unseen, Way, Word
from recovery.inventory.facts import Plan


class Look(StrEnum):
    """How a datacenter looks. `hurt`: some of its hosts are gone, and not most · `lost`: most ·
    `unseen`: Tocsin does not see, and nobody had given it up before."""

    FINE = "fine"
    UNSEEN = "unseen"
    HURT = "hurt"
    LOST = "lost"


class Suspicion(StrEnum):
    """Whose failure it may be."""

    GONE = "gone"
    CUT = "cut"
    PARTITION = "partition"
    PROVIDER = "provider"
    BLIND = "blind"


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One answer to "whose failure is it?"; a higher `score` (0 to 100) is likelier."""

    suspicion: Suspicion
    question: str
    score: int
    supporting: tuple[str, ...]
    opposing: tuple[str, ...]
    missing: tuple[str, ...]
    unlocks: tuple[str, ...]
    locks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Loss:
    """What one database would lose. `at`: back to then; `lost` None: everything, or nobody knows
    (`way` says which). `source`: from where; `notes`: what else is to be known of it."""

    database: str
    plan: Plan
    engine: str
    priority: int
    way: Way
    at: datetime | None
    lost: timedelta | None
    promise: timedelta
    source: str
    bytes: int | None
    notes: tuple[str, ...]

    @property
    def is_over(self) -> bool:
        """More than its promise."""
        return self.way is Way.NONE or (self.lost is not None and self.lost > self.promise)

    @property
    def tone(self) -> str:
        if self.way is Way.UNKNOWN:
            return "unknown"
        if self.way is Way.NONE:
            return "down"
        return "risk" if self.is_over else ""


@dataclass(frozen=True, slots=True)
class Bin:
    """Databases that would lose about the same."""

    count: int
    word: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Wave:
    """Things that are done together. `seconds` None: nobody can tell; `unknown`: of how many of
    `count` nobody can, so that it is a lower bound; `ground`: on what the time rests."""

    verb: str
    count: int
    names: tuple[str, ...]
    seconds: int | None
    unknown: int
    ground: str
    is_final: bool = False

    @property
    def is_floor(self) -> bool:
        return self.unknown > 0


@dataclass(frozen=True, slots=True)
class Breach:
    """A promise that an outage uses up. `left`: seconds of it when the outage began; `since` None:
    it has not; `at` None: nobody knows when it breaks, or it has not begun to be used."""

    name: str
    level: str
    left: int | None
    since: datetime | None
    at: datetime | None
    is_broken: bool = False


@dataclass(frozen=True, slots=True)
class Burn:
    """The promises of one level or plan. `burning` of `count` are being used up since `since`; of
    `unknown` nobody measures anything; `first`: the next one to break."""

    level: str
    count: int
    burning: int
    broken: int
    unknown: int
    since: datetime | None
    first: Breach | None


@dataclass(frozen=True, slots=True)
class Activation:
    """If we activate now. `seconds` None: nobody can tell; `is_floor`: at least so many."""

    losses: tuple[Loss, ...]
    bins: tuple[Bin, ...]
    untouched: int
    fit: FitFact | None
    waves: tuple[Wave, ...]
    left: tuple[str, ...]
    seconds: int | None
    is_floor: bool
    ground: str
    irreversible: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """If we wait. `writing`, `unseen`: databases there that still acknowledge writes, and those of
    which nobody knows."""

    burns: tuple[Burn, ...]
    breaches: tuple[Breach, ...]
    growth: str
    writing: int
    unseen: int
    word: Word | None


@dataclass(frozen=True, slots=True)
class Brief:
    """Everything that is shown of one datacenter before a person decides."""

    site: str
    look: Look
    hosts: int
    gone: int
    lost_at: datetime | None
    incident: int | None
    sentence: str
    after: str
    hypotheses: tuple[Hypothesis, ...]
    activate: Activation
    wait: Waiting
    decided: Decided | None
    unseen: Unseen | None = None

    @property
    def is_unseen(self) -> bool:
        return self.look is Look.UNSEEN

    @property
    def is_lost(self) -> bool:
        return self.look is Look.LOST

    @property
    def worst(self) -> Loss | None:
        """The first of the losses, worst first: what can't be restored comes
        before every known span."""
        return next(iter(self.activate.losses), None)

    def losing(self, way: Way) -> tuple[Loss, ...]:
        return tuple(one for one in self.activate.losses if one.way is way)

    @property
    def unhurt(self) -> int:
        """Databases that would lose nothing."""
        return sum(one.lost == timedelta(0) for one in self.activate.losses)
