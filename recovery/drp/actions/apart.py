"""Copies that stay set apart when no plan decides about them any more: they ring, and a person lets
them go.

Invariants: whoever is set apart is had by a run that is not over, or rings by its database; a press
takes none out of the hands of a run; who is let go follows by an order to rejoin, which keeps what
only it has (I-DB-5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from recovery.alarms.actions import end_alarms, raise_alarm
from recovery.alarms.facts import AlarmState, Severity
from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.core import control
from recovery.core.errors import Refused, TocsinError
from recovery.drp.facts import ENDED
from recovery.drp.models import Run
from recovery.drp.queries.approvals import plan_of
from recovery.failover.actions.apart import let_follow
from recovery.inventory.facts import ReplicaState
from recovery.inventory.models import Database, Replica

PREFIX = "set-apart:"


def ring_apart(*, actor: Actor, now: datetime) -> None:
    """By database, while copies of it are apart and no run has them."""
    loose = _loose()
    keys = set(
        Alarm.objects.filter(key__startswith=PREFIX)
        .exclude(state=AlarmState.ENDED)
        .values_list("key", flat=True)
    )
    over = sorted(keys - {f"{PREFIX}{key}" for key in loose})
    if not over and not loose:
        return
    with control.deciding(actor.epoch):
        end_alarms(keys=over, actor=actor, reason="None is set apart, or a run has them.", now=now)
        for key, rows in loose.items():
            if f"{PREFIX}{key}" not in keys:
                _ring(rows, actor=actor, now=now)


def _ring(rows: Sequence[Replica], *, actor: Actor, now: datetime) -> None:
    name, names = rows[0].database.name, _names(rows)
    raise_alarm(
        key=f"{PREFIX}{rows[0].database_id}",
        severity=Severity.NOTICE,
        title=f"{name}: copies are set apart, and no recovery plan decides about them",
        body=(
            f"{names}: they follow nobody. A new return decides about them, or somebody with the"
            f" role approver lets them follow: /databases/{name}/let-follow/"
        ),
        incident=None,
        actor=actor,
        reason=f"{names}: no run that is prepared or under way has them.",
        now=now,
    )


def let_copies_follow(
    *, database: Database, actor: Actor, reason: str, now: datetime
) -> list[Replica]:
    """All of its copies that are set apart, as a person decides who has no plan for them."""
    if not reason.strip():
        raise Refused("Say why: it is kept with each copy.", field="reason")
    with transaction.atomic():
        row = Database.objects.select_for_update().get(pk=database.pk)
        apart = [one for one in _apart() if one.database_id == row.pk]
        if not apart:
            raise Refused(f"No copy of {row} is set apart.", kept="Nothing was changed.")
        if (run := _runs().get(row.pk)) is not None:
            raise Refused(
                f"{run} decides about what the copies of {row} hold.",
                kept="Nothing was changed.",
                todo="Let it, or abort it first.",
            )
        keys = [one.pk for one in apart]
        let_follow(replicas=keys, actor=actor, reason=reason, now=now)
        return apart


def _apart() -> list[Replica]:
    rows = Replica.objects.filter(state=ReplicaState.QUARANTINED)
    return list(rows.select_related("database", "host").order_by("database__name", "number"))


def _loose() -> Mapping[UUID, list[Replica]]:
    """Who is apart and in the hands of no run, by database."""
    found: dict[UUID, list[Replica]] = {}
    if apart := _apart():
        held = _runs()
        for one in apart:
            if one.database_id not in held:
                found.setdefault(one.database_id, []).append(one)
    return found


def _runs() -> Mapping[UUID, Run]:
    """By database, the run that takes it back and is not over. One whose plan cannot be read
    decides about nothing, and rings on its own."""
    found: dict[UUID, Run] = {}
    for run in Run.objects.exclude(state__in=sorted(ENDED)).order_by("number"):
        try:
            moves = plan_of(run).moves
        except TocsinError:
            continue
        for move in moves:
            if move.target.type == "database":
                found.setdefault(UUID(move.target.id), run)
    return found


def _names(rows: Sequence[Replica]) -> str:
    return ", ".join(f"{row} on {row.host}" for row in rows)
