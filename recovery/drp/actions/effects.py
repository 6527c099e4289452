"""What a hand begins is written beside it, under the key of its act."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from recovery.audit.facts import Actor
from recovery.core import control, incarnations, transitions
from recovery.core.errors import Conflict, Refused
from recovery.drp.facts import ActState
from recovery.drp.journal import Effect, EffectKind
from recovery.drp.models import Act
from recovery.drp.sights import Order

Noted = tuple[EffectKind, UUID, str, str]
"""What, of which row, by which name, and what is said of it."""


@contextmanager
def beginning(order: Order, actor: Actor) -> Iterator[Act]:
    """One transaction of the leader in which this act begins something, while nobody has said yet
    how it ended."""
    with control.deciding(actor.epoch):
        if quarantined := incarnations.quarantine_reason():
            raise Refused(quarantined)
        act = Act.objects.select_for_update().filter(key=order.key).first()
        if act is None or act.state != ActState.INTENDED:
            raise Conflict(f"{order.key} is not intended any more.")
        yield act


def note_effects(
    *, act: Act, noted: Sequence[Noted], actor: Actor, reason: str, now: datetime
) -> None:
    """In the transaction that brought them about; what is noted already is not noted twice."""
    there = set(Effect.objects.filter(key=act.key).values_list("kind", "object"))
    rows = [
        Effect(key=act.key, kind=kind, object=pk, name=name[:200], said=said, at=now)
        for kind, pk, name, said in noted
        if (str(kind), pk) not in there
    ]
    transitions.create(rows, actor=actor, reason=reason, now=now)
