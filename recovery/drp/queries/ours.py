"""To which epochs a run has brought its targets: what it did itself is no drift.

What is on its way counts as soon as its rows say so: a restore names the new host minutes before it
is over, and a run that paused over its own act would never see the end of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from recovery.drp.facts import ActState
from recovery.drp.journal import Effect, EffectKind
from recovery.drp.models import Act, Run
from recovery.restores.models import Restore


def ours(run: Run) -> Mapping[str, int]:
    """By the targets' keys."""
    acts = Act.objects.filter(step__run=run).order_by("intended_at")
    done = {act.target: act.epoch for act in acts if act.state == ActState.DONE}
    targets = {act.key: act.target for act in acts if act.state != ActState.DONE}
    effects = Effect.objects.filter(kind=EffectKind.RESTORE, key__in=list(targets))
    keys = {effect.object: effect.key for effect in effects}
    moved = Restore.objects.filter(pk__in=list(keys), new_epoch__isnull=False)
    epochs = moved.values_list("pk", "new_epoch")
    return done | {targets[keys[pk]]: epoch or 0 for pk, epoch in epochs}
