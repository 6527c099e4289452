"""Restores as people see them: rows alone, never the hour, so that a push equals a reload."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from recovery.alarms.facts import Severity
from recovery.inventory.models import Database
from recovery.restores import queries, standings
from recovery.restores.actions.people import refuse, say_risk
from recovery.restores.choices import refuse_host, refuse_source, ways
from recovery.restores.facts import (
    ENDED,
    Choice,
    HostSight,
    Phase,
    Place,
    Source,
    Way,
    may_call_off,
)
from recovery.restores.models import Restore, RestoreSight, Stray
from recovery.restores.motion import TIMED_WITHIN
from recovery.restores.ordered import sight_of
from recovery.restores.ringing import tries_of
from recovery.restores.stuck import Tries, told
from recovery.restores.telling import (
    alarm_of,
    follows_of,
    measured_of,
    moves_of,
    waits_for,
    word_of,
)
from recovery.restores.words import holds

SHOWN = 12
IN_ORDER = (
    Phase.CHOOSE,
    Phase.PLACE,
    Phase.RESTORE,
    Phase.VERIFY,
    Phase.SWITCH,
    Phase.ROUTE,
    Phase.DONE,
)


@dataclass(frozen=True, slots=True)
class Hold:
    """Why everything is paused, if so; `despite`: restores that go on meanwhile, by an approved
    plan."""

    paused: str = ""
    despite: Collection[UUID] = ()

    def on(self, restore: UUID) -> str:
        return "" if restore in self.despite else self.paused


FREE = Hold()


@dataclass(frozen=True, slots=True)
class ProgressView:
    """The newest word of its agent. `percent` None: not known yet; `left`: seconds to fetch;
    `moved_at`: when anything of it went on last; `is_still`: some time before that word."""

    at: datetime
    moved_at: datetime | None
    phase: str
    percent: float | None
    done: int
    total: int
    megabytes_a_second: float
    left: int | None
    is_still: bool


@dataclass(frozen=True, slots=True)
class StepView:
    phase: str
    at: datetime
    said: str


@dataclass(frozen=True, slots=True)
class RestoreView:
    """One restore. `waits_for`: the volume of a provider's snapshot, while it is made, or the
    old host's word; `holds`, `follows`: what is so now, and who has to do what; `tried`: which try
    it is and how the last one ended, empty: none came to nothing; `stuck_since`: since when people
    are told that it does not get on, `is_grave`: and woken; `moves`: its newest try goes on, which
    began at `began_at`; `measured`: the outage that it ended, and what was lost."""

    id: str
    name: str
    database: str
    replica: int
    store: str
    host: str
    old_host: str
    phase: str
    phase_at: datetime
    word: str
    asked_at: datetime
    asked_by: str
    given_by: str
    risk: str
    why: str
    quoted: datetime
    to: datetime | None
    recovered_to: datetime | None
    canary_at: datetime | None
    bytes: int
    seconds: float | None
    megabytes_a_second: float | None
    ended_at: datetime | None
    end_reason: str
    measured: str
    called_off: str
    in_place: bool
    waits_for: str
    holds: str
    follows: str
    tries: int
    tried: str
    stuck_since: datetime | None
    is_grave: bool
    moves: bool
    began_at: datetime | None
    progress: ProgressView | None
    steps: tuple[StepView, ...]

    @property
    def is_running(self) -> bool:
        return self.phase not in ENDED

    @property
    def may_be_called_off(self) -> bool:
        return may_call_off(self.phase, in_place=self.in_place) and not self.called_off

    @property
    def step(self) -> str:
        """Step 3 of 7: restore."""
        if self.phase not in IN_ORDER:
            return ""
        return f"step {IN_ORDER.index(Phase(self.phase)) + 1} of {len(IN_ORDER)}: {self.phase}"

    @property
    def tone(self) -> str:
        return "risk" if self.phase in {Phase.ABANDONED, Phase.EXPIRED} else ""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a restore would do if it were asked for now. `refusal`: why it would be refused;
    `other`: the other way to go; `upto`: the moment after which everything is lost."""

    refusal: str
    other: Way
    risk: str
    upto: datetime | None
    choice: Choice
    place: Place
    sources: tuple[Source, ...]
    hosts: tuple[HostSight, ...]


def restores(database: str = "", hold: Hold = FREE) -> tuple[RestoreView, ...]:
    """Those that run, then the newest that ended; of one database, or of all."""
    rows = Restore.objects.select_related("database", "source__store", "host", "vouch", "sight")
    rows = rows.filter(database__name=database) if database else rows
    running = list(rows.exclude(phase__in=sorted(ENDED)).prefetch_related("steps"))
    ended = list(rows.filter(phase__in=sorted(ENDED)).prefetch_related("steps")[:SHOWN])
    return tuple(_view(row, hold) for row in (*running, *ended))


def views_of(keys: Collection[UUID]) -> Mapping[UUID, RestoreView]:
    """These, by their ids."""
    rows = Restore.objects.select_related("database", "source__store", "host", "vouch", "sight")
    return {row.pk: _view(row) for row in rows.filter(pk__in=keys).prefetch_related("steps")}


@dataclass(frozen=True, slots=True)
class StrayView:
    """Data of a restore that nobody asks for any more. `database` empty: no row knows of what."""

    restore: str
    host: str
    database: str
    bytes: int
    since: datetime


def strays(database: str = "") -> tuple[StrayView, ...]:
    """The oldest first; of one database, or all."""
    found = []
    for row in Stray.objects.select_related("host"):
        replica = queries.replica_of(row)
        name = replica.database.name if replica else ""
        if not database or name == database:
            found.append(StrayView(row.restore, row.host.name, name, row.bytes, row.since))
    return tuple(found)


def unfinished(database: str) -> RestoreView | None:
    """The one of this database that runs."""
    return next((one for one in restores(database) if one.is_running), None)


def find(database: str) -> Restore | None:
    """Its row."""
    rows = queries.unfinished_restores()
    return next((row for row in rows if row.database.name == database), None)


def preview(
    name: str, now: datetime, *, in_place: bool = False, to: datetime | None = None
) -> Preview | None:
    """None where there is no such database. `to`: the moment that is thought of."""
    row = Database.objects.select_related("datacenter", "primary__host").filter(name=name).first()
    if row is None:
        return None
    choice = queries.choice_for(row)
    place = queries.here(row) if in_place else queries.place_for(row)
    lost, home = queries.lost_sites(), queries.home_of(row)
    upto = to or (choice.source.at if choice.source else None)
    return Preview(
        refusal=refuse(row, now, in_place=in_place),
        other=ways(standings.standing_of(row, standings.heard_at(now)))[1 if in_place else 0],
        risk=say_risk(row, upto, now, in_place=in_place, exact=to is not None) if upto else "",
        upto=upto,
        choice=choice,
        place=place,
        sources=tuple(o for o in queries.sources_of(row) if not refuse_source(o, lost)),
        hosts=tuple(one for one in queries.hosts_for(row) if not refuse_host(one, home)),
    )


def _view(row: Restore, hold: Hold = FREE) -> RestoreView:
    sight = sight_of(row) if row.phase == Phase.RESTORE else None
    alarm = alarm_of(row)
    tries = tries_of(row) if row.phase not in ENDED else Tries()
    moves = moves_of(row, tries, alarm)
    is_stuck, paused = alarm is not None and not moves, hold.on(row.pk)
    return RestoreView(
        id=str(row.pk),
        name=str(row),
        database=row.database.name,
        replica=row.source.number,
        store=row.source.store.name,
        host=row.host.name,
        old_host=row.old_host,
        phase=row.phase,
        phase_at=row.phase_at,
        word=word_of(row),
        asked_at=row.asked_at,
        asked_by=row.vouch.requested_by,
        given_by=row.vouch.given_by,
        risk=row.vouch.risk,
        why=row.why,
        quoted=row.quoted,
        to=row.to,
        recovered_to=row.recovered_to,
        canary_at=row.canary_at,
        bytes=row.bytes,
        seconds=row.seconds,
        megabytes_a_second=row.speed / 1e6 if row.speed else None,
        ended_at=row.ended_at,
        end_reason=row.end_reason,
        measured=measured_of(row),
        called_off=row.called_off,
        in_place=row.in_place,
        waits_for=waits_for(row),
        holds=holds(Phase(row.phase), row.database.name, row.host.name, in_place=row.in_place),
        follows=follows_of(row, tries, is_stuck=is_stuck, moves=moves, paused=paused),
        tries=tries.number,
        tried=told(tries),
        stuck_since=alarm.raised_at if alarm else None,
        is_grave=alarm is not None and alarm.severity == Severity.PAGE,
        moves=moves,
        began_at=sight.began_at if sight else None,
        progress=_progress(sight) if sight else None,
        steps=_steps(row),
    )


def _steps(row: Restore) -> tuple[StepView, ...]:
    found = sorted(row.steps.all(), key=lambda step: step.ordinal)
    return tuple(StepView(step.phase, step.at, step.said) for step in found)


def _progress(sight: RestoreSight) -> ProgressView:
    """Without a byte for some time nobody knows how long the rest takes."""
    is_still = sight.at - sight.course.moved_at > TIMED_WITHIN
    return ProgressView(
        at=sight.at,
        moved_at=sight.moved_at,
        phase=sight.phase,
        percent=round(min(100.0, 100 * sight.done / sight.total), 1) if sight.total else None,
        done=sight.done,
        total=sight.total,
        megabytes_a_second=sight.speed / 1e6,
        left=None if is_still or sight.left_ms < 0 else round(sight.left_ms / 1000),
        is_still=is_still,
    )
