"""One round of the governor: load, decide, act."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from recovery.audit.facts import Actor
from recovery.core import control
from recovery.operations import actions, queries
from recovery.operations.decide import Limits, admit


def run_governor(
    *, actor: Actor, now: datetime, paused: str = "", limits: Limits | None = None
) -> int:
    """Admit what may go and say why the rest waits; the number admitted."""
    asking = queries.asking_operations()
    if not asking:
        return 0
    with control.deciding(actor.epoch):
        admission = admit(asking, queries.ledger(paused), limits or Limits())
        moved = actions.admit_operations(
            operations=[UUID(pk) for pk in admission.admitted],
            actor=actor,
            reason="The governor has a token for it.",
            now=now,
        )
        actions.explain_waiting(
            reasons={UUID(pk): why for pk, why in admission.waiting}, actor=actor, now=now
        )
    return len(moved)
