"""Alarms of restores that get nowhere: rung while it is so, ended with it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, Q

from recovery.alarms import actions as alarms
from recovery.alarms.decide import is_graver
from recovery.alarms.facts import AlarmState, Severity
from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.core import control
from recovery.failover.rounds.telling import story_of
from recovery.inventory.facts import DatabaseState
from recovery.inventory.models import Database
from recovery.operations.facts import Verb
from recovery.operations.models import Operation
from recovery.restores import ordered, queries
from recovery.restores.decide import next_step
from recovery.restores.facts import Phase, Wait
from recovery.restores.models import Restore, RestoreSight
from recovery.restores.queries import Leases
from recovery.restores.stuck import TOLD_FOR, Ended, Motion, Tries, ended, stuck
from recovery.restores.stuck import Alarm as Told

PREFIX = "restore:"
OVER = "It goes on, or it is over."
IDLE = Q(phase=Phase.EXPIRED) | (Q(phase=Phase.ABANDONED) & ~Q(called_off=""))
"""One that ended without a restore because people let it."""


def key_of(restore: UUID, what: str = "stuck") -> str:
    """Of the alarm of one restore that is stuck, or `ended` without its database."""
    return f"{PREFIX}{restore}:{what}"


def watch_restores(
    *,
    actor: Actor,
    now: datetime,
    looked_for: float,
    paused: str = "",
    despite: Collection[UUID] = (),
    leases: Leases | None = None,
) -> None:
    """Ring for what gets nowhere, and for what ended so. `looked_for`: seconds for which the leader
    has looked without a gap; the rest: as in `carry_on`."""
    rows = queries.unfinished_restores()
    standing = _standing()
    found: dict[str, tuple[Database, Told]] = {}
    for row in rows:
        key = key_of(row.pk)
        holds = "" if row.pk in despite else paused
        before = standing.get(key)
        is_of_now = before is not None and before.raised_at >= row.phase_at
        rung = (now - before.raised_at).total_seconds() if before and is_of_now else 0.0
        if told := _stuck(row.pk, rung, looked_for, now=now, paused=holds, leases=leases):
            found[key] = told
    found |= dict(_ended(now))
    over = sorted(standing.keys() - found.keys())
    new = {key for key, (_, told) in found.items() if _is_more(told, standing.get(key))}
    if not over and not new:
        return
    with control.deciding(actor.epoch):
        for key in sorted(new):
            _ring(key, *found[key], actor=actor, now=now)
        alarms.end_alarms(keys=over, actor=actor, reason=OVER, now=now)


def _standing() -> dict[str, Alarm]:
    rows = Alarm.objects.filter(key__startswith=PREFIX).exclude(state=AlarmState.ENDED)
    return {row.key: row for row in rows}


def _is_more(told: Told, standing: Alarm | None) -> bool:
    """Than what rings already: what was noted while everything was paused, or its database served,
    wakes people once neither is so."""
    return standing is None or is_graver(_severity(told), than=standing.severity)


def _severity(told: Told) -> Severity:
    return Severity.PAGE if told.wakes else Severity.NOTICE


def _ring(key: str, database: Database, told: Told, *, actor: Actor, now: datetime) -> None:
    alarms.raise_alarm(
        key=key,
        severity=_severity(told),
        title=told.title,
        body=told.body,
        incident=story_of(database),
        actor=actor,
        reason=told.said,
        now=now,
    )


def _stuck(
    restore: UUID,
    rung: float,
    looked_for: float,
    *,
    now: datetime,
    paused: str,
    leases: Leases | None,
) -> tuple[Database, Told] | None:
    row = queries.load(restore)
    facts = queries.facts_of(row, now=now, paused=paused, leases=leases)
    answer = next_step(facts)
    waits = answer.reason if isinstance(answer, Wait) else ""
    sight = ordered.sight_of(row)
    moved = max(row.phase_at, sight.course.moved_at) if sight else row.phase_at
    tries = tries_of(row)
    motion = Motion(
        str(row),
        still=min((now - moved).total_seconds(), looked_for),
        heard=(now - sight.at).total_seconds() if sight else None,
        doing=_doing(sight) if sight else "",
        tries=tries,
        rung=rung,
        moves=goes_on(row, tries, now),
    )
    told = stuck(facts, motion, waits)
    return (row.database, told) if told else None


def tries_of(row: Restore) -> Tries:
    """Of the order of its phase."""
    verb = ordered.VERBS.get(Phase(row.phase))
    if verb is None:
        return Tries()
    orders: list[Operation] = list(queries.orders_of(row, [verb]))
    sight = ordered.sight_of(row) if verb is Verb.RESTORE else None
    return ordered.tries(orders, verb, sight.course if sight else None)


def goes_on(row: Restore, tries: Tries, at: datetime) -> bool:
    """Whether its newest try did just before `at`, by its agent's word."""
    sight = ordered.sight_of(row) if row.phase == Phase.RESTORE else None
    return sight is not None and not tries.is_over and sight.course.moves(at)


def _doing(sight: RestoreSight) -> str:
    """Its agent's newest word on it."""
    of = f", {sight.done / 1e6:.0f} of {sight.total / 1e6:.0f} MB" if sight.total else ""
    return f"{sight.phase}{of}"


def _ended(now: datetime) -> Iterator[tuple[str, tuple[Database, Told]]]:
    """The newest of each database, where nobody called it off, and nothing has become of the
    database since. One that was asked for afterwards and expired, or was called off, restored
    nothing: it hides none."""
    lately = Q(in_place=True, ended_at__gt=now - timedelta(seconds=TOLD_FOR))
    down = ~Q(database__state=DatabaseState.SERVING) & Q(database__state_at__lte=F("ended_at"))
    rows = Restore.objects.filter(lately | down, phase=Phase.ABANDONED, called_off="")
    for row in rows.select_related("database"):
        newer = Restore.objects.filter(database=row.database_id, number__gt=row.number)
        if newer.exclude(IDLE).exists():
            continue
        assert row.ended_at is not None, "it ended"
        one = Ended(
            str(row),
            row.database.name,
            row.end_reason,
            serves=row.database.state == DatabaseState.SERVING,
            in_place=row.in_place,
            ago=(now - row.ended_at).total_seconds(),
        )
        if told := ended(one):
            yield key_of(row.pk, "ended"), (row.database, told)
