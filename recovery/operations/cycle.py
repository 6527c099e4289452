"""One round of the governor: load, decide, act."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from recovery.audit.facts import Actor
from recovery.core import control
from recovery.operations import actions, queries
from recovery.operations.decide import Limits, admit
from recovery.operations.facts import OperationState, Verb


def run_governor(
    *,
    actor: Actor,
    now: datetime,
    paused: str = "",
    frozen: Mapping[Verb, str] | None = None,
    despite: Collection[UUID] = (),
    limits: Limits | None = None,
) -> int:
    """Admit what may go and say why the rest waits; the number admitted. `frozen`: verbs that
    a recovery plan froze, each with why; `despite`: operations that
    a pause does not stop."""
    asking = queries.asking_operations()
    if not asking:
        return 0
    with control.deciding(actor.epoch):
        ledger = replace(
            queries.ledger(paused), frozen=frozen or {}, despite=frozenset(map(str, despite))
        )
        admission = admit(asking, ledger, limits or Limits())
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


def settle_lost(*, actor: Actor, now: datetime) -> None:
    """What was in flight to a host that is gone: its outcome is unknown, never assumed; what
    was not handed out yet is withdrawn. Stops stay: they are wanted when the host returns."""
    gone = queries.operations_of_gone_hosts()
    if not gone:
        return
    handed = [op.pk for op in gone if op.state == OperationState.HANDED]
    unsent = [op.pk for op in gone if op.state != OperationState.HANDED and op.verb == Verb.START]
    if not handed and not unsent:
        return
    with control.deciding(actor.epoch):
        reason = "Its host is lost or hung."
        actions.withdraw_operations(operations=unsent, actor=actor, reason=reason, now=now)
        actions.doubt_operations(operations=handed, actor=actor, reason=reason, now=now)
