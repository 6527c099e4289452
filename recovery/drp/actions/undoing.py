"""What a step of a run started is stopped again.

Invariant: only the seats in its journal, only while nothing would start them again at once, and
each is noted as undone in the transaction that orders its stop.
"""

from __future__ import annotations

from datetime import datetime

from recovery.audit.facts import Actor
from recovery.core.errors import Conflict, Refused
from recovery.detection.facts import Part
from recovery.detection.queries import frozen_reason
from recovery.drp.actions.effects import note_effects
from recovery.drp.facts import Mode
from recovery.drp.journal import Effect, EffectKind
from recovery.drp.models import Act, Run
from recovery.inventory.models import Placement
from recovery.scheduling.actions import stop_placements
from recovery.scheduling.facts import ACTIVE, Stop


def undo_seats(*, run: Run, step: str, actor: Actor, reason: str, now: datetime) -> None:
    """In the caller's transaction, which holds the run's row."""
    acts = {act.key: act for act in Act.objects.filter(step__run=run, step__name=step)}
    begun = Effect.objects.filter(kind=EffectKind.SEAT, key__in=list(acts))
    keys = dict(begun.values_list("object", "key"))
    found = Placement.objects.filter(pk__in=list(keys), state__in=sorted(ACTIVE))
    rows = list(found.filter(provisional=True) if run.mode == Mode.PLANNED else found)
    if not rows and found:
        raise Refused(
            "The copies of before were stopped when these answered: too few would be left.",
            kept="Nothing was stopped.",
            todo=f"Go the other way: “Return from {run}” on the page that starts runbooks.",
        )
    if not rows:
        raise Conflict("Nothing that it started runs any more.", todo="Nothing to do.")
    if not frozen_reason(Part.RESCHEDULING):
        raise Refused(
            "Rescheduling would start them again at once.",
            kept="Nothing was stopped.",
            todo="Pause automation first.",
        )
    said = f"{run}, {step} is undone: {reason}"
    stop_placements(orders=[Stop(str(row.pk), said) for row in rows], actor=actor, now=now)
    for row in rows:
        note_effects(
            act=acts[keys[row.pk]],
            noted=[(EffectKind.UNDONE, row.pk, str(row), reason)],
            actor=actor,
            reason=said,
            now=now,
        )
