"""The state of each promise, and the alarms for what is wrong: raised while it holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from recovery.alarms import actions as alarms
from recovery.alarms.facts import Severity
from recovery.audit.facts import Actor
from recovery.backups import queries
from recovery.backups.decide import Condition, reason_of, state_of
from recovery.backups.facts import Database, PointState
from recovery.backups.models import BackupReplica
from recovery.core import transitions

WHY = {
    PointState.FRESH: "Its newest restorable moment is as young as promised.",
    PointState.EMPTY: "Nothing is restorable yet.",
    PointState.UNREAD: "Its archive cannot be read now.",
    PointState.WARN: "Its newest restorable moment ages towards its promise.",
    PointState.PAGE: "Its newest restorable moment is nearly older than promised, or gone.",
}


def move_states(databases: Sequence[Database], *, actor: Actor, now: datetime) -> int:
    """Each replica into the state that its facts have now; how many changed. One that somebody
    else moved meanwhile is left for the next look."""
    wanted: dict[PointState, dict[UUID, dict[str, object]]] = defaultdict(dict)
    for database in databases:
        for copy in database.copies:
            terms = database.terms(copy.number)
            state = state_of(copy, terms, now)
            if state is not copy.state:
                changes = {"state_at": now, "state_reason": reason_of(copy, terms, now)}
                wanted[state][UUID(copy.key)] = dict(changes)
    moved = 0
    for state, rows in wanted.items():
        moved += len(
            transitions.move_many(
                BackupReplica, rows, state, actor=actor, reason=WHY[state], now=now
            )
        )
    return moved


def ring_conditions(conditions: Sequence[Condition], *, actor: Actor, now: datetime) -> None:
    """One alarm for each that holds; those that hold no more end."""
    with transaction.atomic():
        standing = queries.unended_keys()
        for one in conditions:
            if one.key not in standing:
                alarms.raise_alarm(
                    key=one.key,
                    severity=Severity.PAGE if one.rings else Severity.NOTICE,
                    title=one.title,
                    body=one.body,
                    incident=None,
                    actor=actor,
                    reason=one.body,
                    now=now,
                )
        if over := sorted(standing - {one.key for one in conditions}):
            why = "The condition holds no more."
            alarms.end_alarms(keys=over, actor=actor, reason=why, now=now)
