"""Backups as people see them: rows alone, never the hour, so that a push equals a reload."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from django.db.models import QuerySet

from recovery.alarms.facts import AlarmState
from recovery.alarms.models import Alarm
from recovery.backups import queries
from recovery.backups.decide import UNREAD_AFTER
from recovery.backups.distance import kilometres
from recovery.backups.facts import Copy, Database, PointState
from recovery.backups.loss import Line, Quote, quote_left, quote_site
from recovery.backups.models import (
    ArchiverSight,
    ArchiverWord,
    ArchiveSight,
    OwnSight,
    Proof,
    Store,
)
from recovery.backups.words import brief, is_copying, is_silence, spoken
from recovery.inventory.models import Datacenter

TONES = {
    PointState.EMPTY: ("unknown", "not begun"),
    PointState.UNREAD: ("unknown", "not read"),
    PointState.FRESH: ("", ""),
    PointState.WARN: ("risk", "ageing"),
    PointState.PAGE: ("down", "late"),
}
KINDS = {"postgresql": "PostgreSQL", "valkey": "Valkey", "redis": "Redis"}
SHOWN_PROOFS = 12
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What rings about a database or a store, as its alarm says it."""

    title: str
    body: str
    tone: str

    @property
    def short(self) -> str:
        """Without the name, where that stands beside it."""
        words = re.sub(r"^[a-z0-9-]+(, |: | (?=has ))", "", self.title)
        return f"{words[0].upper()}{words[1:]}"


@dataclass(frozen=True, slots=True)
class CopyView:
    """One backup replica. `at`: its newest restorable moment; `unread_since`: when it was read
    last, where that is too long ago (or `is_never_read`); `km`: to the nearest other one."""

    number: int
    store: str
    place: str
    km: float | None
    is_alone: bool
    state: str
    tone: str
    word: str
    at: datetime | None
    lsn: str
    base: str
    promise: str
    unread_since: datetime | None
    is_never_read: bool
    error: str
    reason: str
    missing: tuple[str, ...]
    bytes: int
    proven_at: datetime | None
    disproof: str


@dataclass(frozen=True, slots=True)
class ArchiverView:
    """The agent's own word. `percent`: of the base backup that runs, None: none does."""

    at: datetime
    state: str
    percent: int | None
    spool_bytes: int
    trouble: str


@dataclass(frozen=True, slots=True)
class BackupsView:
    """A database with its backup replicas, None where there is none of that number."""

    name: str
    kind: str
    site: str
    copies: tuple[CopyView | None, ...]
    trouble: tuple[Trouble, ...]
    archiver: ArchiverView | None = None

    @property
    def tone(self) -> str:
        """The worst of its replicas and alarms."""
        tones = [copy.tone for copy in self.copies if copy] + [one.tone for one in self.trouble]
        return next((tone for tone in ("down", "risk", "unknown") if tone in tones), "")


@dataclass(frozen=True, slots=True)
class StoreView:
    """A store with what lies in it. `error`: why it cannot be read, in full; `reason`: in short,
    empty where it does not answer at all; `quiet_since`: since when, from when it was read last or,
    where it never was, from when it was named."""

    name: str
    kind: str
    place: str
    address: str
    replicas: int
    bytes: int
    objects: int
    orphans: int
    read_at: datetime | None
    error: str
    reason: str = ""
    quiet_since: datetime | None = None
    is_new: bool = False

    @property
    def is_copying(self) -> bool:
        """Its snapshot is there, and is only being made readable."""
        return is_copying(self.error)

    @property
    def tone(self) -> str:
        return "unknown" if self.error else ""


@dataclass(frozen=True, slots=True)
class ProofView:
    """One restore test."""

    database: str
    number: int
    state: str
    why: str
    begun_at: datetime
    ended_at: datetime | None
    recoverable_to: datetime | None
    megabytes_a_second: float | None
    said: str

    @property
    def tone(self) -> str:
        return {"failed": "down", "void": "unknown"}.get(self.state, "")


@dataclass(frozen=True, slots=True)
class Board:
    """Everything of the Backups page. `own`: of Tocsin itself; `keys`: why its keys are in no
    store, where that is known; `left`: what comes back of each whose disk alone is lost."""

    is_configured: bool
    rows: tuple[BackupsView, ...]
    quotes: tuple[Quote, ...]
    own: BackupsView
    keys: str = ""
    left: Mapping[str, Line] = field(default_factory=dict)

    @property
    def looked_after(self) -> tuple[BackupsView, ...]:
        """Those that have a replica at all."""
        return tuple(row for row in self.rows if any(row.copies))


def board() -> Board:
    """Every database, those in trouble first, and what the loss of each datacenter would take, as
    of the newest look."""
    databases, itself = queries.database_facts(), queries.own_facts()
    own = itself if itself.copies else None
    looked = (
        copy.looked_at for one in (*databases, itself) for copy in one.copies if copy.looked_at
    )
    as_of = max(looked, default=NEVER)
    trouble, word = _trouble(), OwnSight.objects.first()
    order = {"down": 0, "risk": 1, "unknown": 2, "": 3}
    rows = [_view(one, trouble[one.key]) for one in databases]
    sites = Datacenter.objects.order_by("position", "name").values_list("name", flat=True)
    return Board(
        is_configured=queries.is_configured(),
        rows=tuple(sorted(rows, key=lambda row: (order[row.tone], row.name))),
        quotes=tuple(quote_site(site, databases, as_of, own) for site in sites),
        own=replace(_view(itself, trouble[itself.key]), archiver=_archiver(word) if word else None),
        keys=word.keys if word else "",
        left={one.name: quote_left(one, as_of) for one in databases if one.copies},
    )


def backups_of(name: str) -> BackupsView | None:
    """One database's three replicas; None while no store is configured."""
    if not queries.is_configured():
        return None
    found = next(iter(queries.database_facts(name)), None)
    if found is None:
        return None
    row = ArchiverSight.objects.filter(database__name=name).first()
    return replace(_view(found, _trouble()[found.key]), archiver=_archiver(row) if row else None)


def _archiver(row: ArchiverWord) -> ArchiverView:
    percent = min(100, 100 * row.done // row.total) if row.total else None
    return ArchiverView(row.at, row.state, percent, row.spool_bytes, row.trouble)


def is_ours(key: str) -> bool:
    """Whether an alarm of this key is about backups."""
    return key.startswith(queries.PREFIXES)


def promises_in_trouble() -> tuple[Trouble, ...]:
    """What rings or was acknowledged about backups, what wakes people first."""
    rows = _alarms().order_by("-severity", "-raised_at", "pk")
    return tuple(_told(row) for row in rows)


def _alarms() -> QuerySet[Alarm]:
    return Alarm.objects.filter(key__in=queries.unended_keys()).exclude(state=AlarmState.ENDED)


def _told(row: Alarm) -> Trouble:
    return Trouble(row.title, row.body, "down" if row.severity == "page" else "risk")


def _trouble() -> dict[str, list[Trouble]]:
    """Of each database, by its key."""
    found: dict[str, list[Trouble]] = defaultdict(list)
    for row in _alarms().filter(key__startswith="backup:").order_by("-severity", "key"):
        found[row.key.split(":")[1]].append(_told(row))
    return found


def _view(database: Database, trouble: list[Trouble]) -> BackupsView:
    copies = (database.copy(number) for number in (1, 2, 3))
    return BackupsView(
        name=database.name,
        kind=KINDS.get(database.engine, database.engine),
        site=database.primary,
        copies=tuple(_copy(database, copy) if copy else None for copy in copies),
        trouble=tuple(trouble),
    )


def _copy(database: Database, copy: Copy) -> CopyView:
    tone, word = TONES[copy.state]
    others = [one for one in database.copies if one.number != copy.number]
    apart = [kilometres(copy.place, one.place) for one in others]
    known = [km for km in apart if km is not None]
    is_unread = _is_unread(copy)
    if is_unread and not tone:
        tone, word = TONES[PointState.UNREAD]
    return CopyView(
        number=copy.number,
        store=copy.store,
        place=copy.place.name if copy.place else "",
        km=min(known) if len(known) == len(others) and known else None,
        is_alone=not others,
        state=str(copy.state),
        tone=tone,
        word=word,
        at=copy.point.at if copy.point else None,
        lsn=copy.point.lsn if copy.point else "",
        base=copy.point.base if copy.point else "",
        promise=spoken(database.terms(copy.number).promise),
        unread_since=copy.read_at if is_unread else None,
        is_never_read=copy.read_at is None,
        error=copy.error,
        reason=brief(copy.error),
        missing=copy.missing,
        bytes=copy.bytes,
        proven_at=copy.proven_at,
        disproof=copy.disproof,
    )


def _is_unread(copy: Copy) -> bool:
    """By the rows alone: its newest look failed, as quotes and restores say of it too."""
    if copy.read_at is None or copy.looked_at is None:
        return False
    return bool(copy.error) or copy.looked_at - copy.read_at > UNREAD_AFTER


def stores() -> tuple[StoreView, ...]:
    """Every store with the sum of what lies in it."""
    sights: dict[str, list[ArchiveSight]] = defaultdict(list)
    for sight in ArchiveSight.objects.select_related("replica"):
        sights[str(sight.replica.store_id)].append(sight)
    rows = Store.objects.select_related("place").order_by("name")
    return tuple(_store(row, sights[str(row.pk)]) for row in rows)


def _store(row: Store, sights: list[ArchiveSight]) -> StoreView:
    bad = next((one for one in sights if one.error), None)
    error = bad.error if bad else ""
    return StoreView(
        name=row.name,
        kind=row.kind,
        place=row.place.name if row.place else "",
        address=f"{row.address}/{row.bucket}" if row.bucket else row.address,
        replicas=len(sights),
        bytes=sum(one.bytes for one in sights),
        objects=sum(one.objects_there for one in sights),
        orphans=sum(one.orphans for one in sights),
        read_at=min((one.read_at for one in sights if one.read_at), default=None),
        error=error,
        reason="" if is_silence(error) else brief(error).removeprefix(f"{row.name}: "),
        quiet_since=(bad.read_at or bad.replica.since) if bad else None,
        is_new=bad is not None and bad.read_at is None,
    )


def proofs() -> tuple[ProofView, ...]:
    """The newest restore tests."""
    rows = Proof.objects.select_related("replica__database").order_by("-begun_at")[:SHOWN_PROOFS]
    return tuple(
        ProofView(
            database=row.replica.name,
            number=row.replica.number,
            state=row.state,
            why=row.why,
            begun_at=row.begun_at,
            ended_at=row.ended_at,
            recoverable_to=row.recoverable_to,
            megabytes_a_second=row.bytes / 1e6 / row.seconds if row.seconds else None,
            said=row.said,
        )
        for row in rows
    )
