"""The only writer of freezes: parts of automation that a run of a recovery plan stops.

Invariants: one act freezes once; it stands in a row until a person lifts it, whoever leads and
however often everything starts again; what the run itself does is exempt by the run's own
authority, never by the freeze's having a hole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from recovery.alarms import actions as alarms
from recovery.alarms.facts import Severity
from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Conflict, Missing
from recovery.detection.facts import FreezeState, Part
from recovery.detection.models import Freeze


@dataclass(frozen=True, slots=True)
class Cause:
    """Whose it is: the act's key, its run (id and name) and step, and who asked for the run."""

    key: str
    run: UUID
    run_name: str
    step: str
    by: str


def freeze_automation(
    *, cause: Cause, parts: Sequence[Part], actor: Actor, reason: str, now: datetime
) -> Freeze:
    """From this commit on no decider begins anything of these parts by itself. In the caller's
    transaction, under the leader's epoch; the same act again finds its own row."""
    there = Freeze.objects.filter(key=cause.key).first()
    if there is not None:
        return there
    row = Freeze(
        key=cause.key,
        parts=[str(part) for part in parts],
        run=cause.run,
        run_name=cause.run_name,
        step=cause.step,
        by=cause.by,
        reason=reason,
        frozen_at=now,
    )
    with transaction.atomic():
        row = transitions.create([row], actor=actor, reason=reason, now=now)[0]
        alarms.raise_alarm(
            key=_alarm(row),
            severity=Severity.NOTICE,
            title=f"{row.run_name} froze automation",
            body=f"{row.said}. It stands until a person lifts it.",
            incident=None,
            actor=actor,
            reason=reason,
            now=now,
        )
    return row


def lift_freeze(*, freeze: UUID, actor: Actor, reason: str, now: datetime) -> Freeze:
    """Deciders may begin these things again; what was held meanwhile stays held for a person."""
    with transaction.atomic():
        row = Freeze.objects.select_for_update().filter(pk=freeze).first()
        if row is None:
            raise Missing("There is no such freeze.", field="freeze")
        if row.state == FreezeState.LIFTED:
            raise Conflict(f"{row.lifted_by} lifted it already.")
        changes = {"lifted_at": now, "lifted_by": actor.id, "lift_reason": reason}
        lifted = transitions.move(
            row, FreezeState.LIFTED, actor=actor, reason=reason, now=now, changes=changes
        )
        alarms.end_alarms(keys=[_alarm(row)], actor=actor, reason=reason, now=now)
    return lifted


def _alarm(row: Freeze) -> str:
    return f"frozen:{row.pk}"
