"""How far each act of a run is, from the rows of what it began: for its page."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from recovery.drp.journal import Effect, EffectKind
from recovery.drp.models import Act
from recovery.restores.screens import RestoreView, views_of


def restores_of(run: UUID) -> Mapping[str, RestoreView]:
    """By the key of the act that began each: percent, MB/s and time left are its agent's word."""
    keys = Act.objects.filter(step__run=run).values("key")
    effects = Effect.objects.filter(kind=EffectKind.RESTORE, key__in=keys)
    begun = dict(effects.values_list("object", "key"))
    return {begun[pk]: view for pk, view in views_of(begun.keys()).items()}
