"""What a brief looks at, as frozen values. Standard library and neighbours' facts only.

Invariant: None is "nobody knows", never zero and never fine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from recovery.inventory.facts import Plan, Verdict

K = TypeVar("K")


class Choice(StrEnum):
    """What a person decides about a datacenter."""

    ACTIVATE = "activate"
    WAIT = "wait"


class Cause(StrEnum):
    """What the provider, or somebody on site, says that it is."""

    UNSAID = "unsaid"
    GONE = "gone"
    CUT = "cut"


class Way(StrEnum):
    """How a database would come back.

    `promote`: a standby elsewhere leads · `restore`: from an archive · `none`: nothing of it is
    left anywhere else · `unknown`: what is left was never seen."""

    PROMOTE = "promote"
    RESTORE = "restore"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class HostFact:
    """`witnesses`: how many observers its verdict rests on; `since`: when it became so."""

    name: str
    verdict: Verdict
    witnesses: int = 0
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unseen:
    """Tocsin does not see, `since` then: verdicts stand still. What its agents' own words say of a
    datacenter meanwhile: of its `hosts` these are `silent`, the newest word of which is `last`."""

    why: str
    since: datetime | None
    hosts: int
    silent: tuple[str, ...]
    last: datetime | None


def unseen_of(
    hosts: Mapping[K, str], silent: Mapping[K, datetime | None], why: str, since: datetime | None
) -> Unseen:
    """`hosts`: their names; `silent`: of all, with their newest words."""
    quiet = [host for host in hosts if host in silent]
    words = [at for host in quiet if (at := silent[host]) is not None]
    names = tuple(hosts[host] for host in quiet)
    return Unseen(why, since, len(hosts), names, max(words, default=None))


@dataclass(frozen=True, slots=True)
class SiteFact:
    """One datacenter with its hosts, those that never lived left out."""

    name: str
    region: str
    hosts: tuple[HostFact, ...]

    def count(self, *verdicts: Verdict) -> int:
        return sum(host.verdict in verdicts for host in self.hosts)

    @property
    def heard(self) -> int:
        """Nobody has given these up."""
        return self.count(Verdict.ALIVE, Verdict.SUSPECT)


@dataclass(frozen=True, slots=True)
class Word:
    """What the provider said, as a person wrote it in. `until` None: it gave no time."""

    said: str
    cause: Cause
    source: str
    said_at: datetime
    until: datetime | None
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided last about this loss, by whom and why; `until`: when it was to wait."""

    number: int
    choice: Choice
    until: datetime | None
    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class StandbyFact:
    """A copy elsewhere. `at`: everything acknowledged up to then is on it, None: nobody can tell;
    `why`: on what that rests, or why it cannot be told."""

    host: str
    site: str
    at: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class ArchiveFact:
    """The backup replica that would be used. `bytes` None: nobody knows how much; `unusable`: no
    host can read it by itself; `read_at`: when it was read last; `error`: why it can't be now."""

    replica: int
    store: str
    site: str
    at: datetime
    bytes: int | None
    is_unread: bool
    read_at: datetime | None = None
    proven_at: datetime | None = None
    unusable: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class ServiceFact:
    """A promise of this month. `used`: seconds of outages that are over; `out_since`: one lasts;
    not `is_measured`: nobody asks as its users do, and nothing is known."""

    name: str
    level: str
    allowed: int
    used: int
    out_since: datetime | None
    is_measured: bool


@dataclass(frozen=True, slots=True)
class DatabaseFact:
    """A database that is led in the datacenter. `until`: no write can have been acknowledged after
    it, as far as anybody saw; `promise`: its RPO; `is_written`: its users' writes are acknowledged
    now, None: nobody knows. `why_not`: of the archives that would not be used."""

    name: str
    plan: Plan
    engine: str
    priority: int
    until: datetime
    promise: timedelta
    is_written: bool | None
    standbys: tuple[StandbyFact, ...] = ()
    archive: ArchiveFact | None = None
    why_not: tuple[str, ...] = ()
    service: ServiceFact | None = None


@dataclass(frozen=True, slots=True)
class Misfit:
    """Copies of one application that would find no seat elsewhere, for one reason. `is_waiting`:
    there may be room, and something else keeps them."""

    application: str
    priority: int
    copies: int
    needs: str
    reason: str
    is_waiting: bool = False


@dataclass(frozen=True, slots=True)
class Shed:
    """Copies of an application of lower priority, running elsewhere, that would have to go."""

    application: str
    priority: int
    copies: int
    reason: str


@dataclass(frozen=True, slots=True)
class RoomFact:
    """How much of another datacenter's memory is given away, in percent, and would be then."""

    site: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class FitFact:
    """What the scheduler would do with the datacenter's containers. `stops`: applications that
    answer nobody until then; `helped` of `tried` copies without a seat would get one by shedding;
    `at_once`: starts that the governor lets fly together; `beside`: of the `containers`, copies of
    the same applications that other losses left without a seat."""

    containers: int
    moved: int
    stops: tuple[str, ...]
    degraded: tuple[str, ...]
    misfits: tuple[Misfit, ...] = ()
    sheds: tuple[Shed, ...] = ()
    rooms: tuple[RoomFact, ...] = ()
    tried: int = 0
    helped: int = 0
    at_once: int = 1
    beside: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """Values of one kind that were measured here: milliseconds, or bytes a second."""

    values: tuple[int, ...] = ()
    newest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Drill:
    """A rehearsal of this datacenter's loss."""

    at: datetime
    seconds: int
    name: str


@dataclass(frozen=True, slots=True)
class Past:
    """What things took here before. `besides`: a restore from its choice until users were led
    there, but for the reading that `restores` are the speeds of."""

    restores: Measured = Measured()
    besides: Measured = Measured()
    promotions: Measured = Measured()
    starts: Measured = Measured()
    drills: tuple[Drill, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a brief about one datacenter is made of.

    `as_of`: of what is known while nothing has happened; `lost_at`: its first silence; `blind`: why
    we see nothing; `spoke`: hosts elsewhere whose agents told of a database a moment ago;
    `silent_stores`, `answering_stores`: archives' stores that stand there; `services`: of
    applications with a seat there; `unseen`: while nobody sees.
    """

    site: SiteFact
    others: tuple[SiteFact, ...]
    as_of: datetime
    lost_at: datetime | None = None
    blind: str = ""
    spoke: int = 0
    silent_stores: tuple[str, ...] = ()
    answering_stores: tuple[str, ...] = ()
    databases: tuple[DatabaseFact, ...] = ()
    elsewhere: int = 0
    services: tuple[ServiceFact, ...] = ()
    fit: FitFact | None = None
    past: Past = Past()
    word: Word | None = None
    decided: Decided | None = None
    incident: int | None = None
    unseen: Unseen | None = None
