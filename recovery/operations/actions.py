"""The only writer of operations: intent before the act, outcome by observation (B8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from recovery.audit.facts import Actor
from recovery.core import transitions, wire
from recovery.inventory.facts import PlacementState
from recovery.inventory.models import Placement
from recovery.operations.facts import UNFINISHED, Act, OperationState, Verb
from recovery.operations.models import Operation
from recovery.operations.receipts import is_signed


def request_operations(
    *,
    verb: Verb,
    placements: Sequence[Placement],
    urgency: Mapping[UUID, int] | None = None,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Sequence[Operation]:
    """Ask for one operation a placement; the governor admits them. In the caller's transaction."""
    rows = [
        Operation(
            verb=str(verb),
            host_id=placement.host_id,
            placement=placement,
            epoch=actor.epoch,
            urgency=(urgency or {}).get(placement.pk, 0),
            requested_at=now,
        )
        for placement in placements
    ]
    return transitions.create(rows, actor=actor, reason=reason, now=now)


def request_acts(
    *, acts: Sequence[Act], actor: Actor, reason: str, now: datetime
) -> Sequence[Operation]:
    """Ask for acts on replicas, each under its database's epoch. In the caller's transaction. What
    was asked for before and has no outcome gives way: each may be carried out again."""
    for act in acts:
        _give_way(act, actor=actor, now=now)
    rows = [
        Operation(
            verb=str(act.verb),
            host_id=act.host,
            replica_id=act.replica,
            database_epoch=act.database_epoch,
            params=dict(act.params),
            epoch=actor.epoch,
            urgency=act.urgency,
            requested_at=now,
        )
        for act in acts
    ]
    return transitions.create(rows, actor=actor, reason=reason, now=now)


def _give_way(act: Act, *, actor: Actor, now: datetime) -> None:
    """At most one unfinished act of a kind: the earlier one was not handed out and is withdrawn, or
    nothing says that it was done."""
    earlier = Operation.objects.filter(
        replica=act.replica,
        verb=act.verb,
        database_epoch=act.database_epoch,
        state__in=sorted(UNFINISHED),
    )
    keys = list(earlier.values_list("pk", flat=True))
    give_way(operations=keys, reason="It is asked for anew.", actor=actor, now=now)


def give_way(*, operations: Sequence[UUID], reason: str, actor: Actor, now: datetime) -> None:
    """They are sent no more, whatever came of them. In the caller's transaction."""
    if not operations:
        return
    withdraw_operations(operations=operations, actor=actor, reason=reason, now=now)
    for key in operations:
        detail = f"No outcome became known. {reason}"
        record_outcome(
            operation=key, state=OperationState.FAILED, detail=detail, actor=actor, now=now
        )


def admit_operations(
    *, operations: Sequence[UUID], actor: Actor, reason: str, now: datetime
) -> list[Operation]:
    """The governor's yes: the operation may be handed out, a planned seat is starting."""
    with transaction.atomic():
        moved = transitions.move_many(
            Operation,
            {pk: {"intended_at": now, "epoch": actor.epoch} for pk in operations},
            OperationState.INTENDED,
            actor=actor,
            reason=reason,
            now=now,
        )
        starts = [op.placement_id for op in moved if op.verb == Verb.START]
        transitions.move_many(
            Placement, starts, PlacementState.STARTING, actor=actor, reason=reason, now=now
        )
    return moved


def explain_waiting(*, reasons: Mapping[UUID, str], actor: Actor, now: datetime) -> None:
    """Write why each waits, where that has changed: shown, not decided upon."""
    rows = Operation.objects.filter(pk__in=list(reasons), state=OperationState.WAITING)
    changed = [op for op in rows if op.held_reason != reasons[op.pk]]
    transitions.amend_many(
        Operation,
        {op.pk: {"held_reason": reasons[op.pk]} for op in changed},
        action="held",
        actor=actor,
        reason="The governor has no token for it.",
        now=now,
    )


def hand_operations(*, operations: Sequence[UUID], actor: Actor, now: datetime) -> list[Operation]:
    """They are being sent to their agents. Only what is returned may be sent."""
    return transitions.move_many(
        Operation,
        {pk: {"handed_at": now} for pk in operations},
        OperationState.HANDED,
        actor=actor,
        reason="The agent's session is open.",
        now=now,
    )


def record_outcome(
    *,
    operation: UUID,
    state: OperationState,
    detail: str,
    receipt: str = "",
    actor: Actor,
    now: datetime,
) -> list[Operation]:
    """What the agent observed. A second telling of the same finds nothing to move.

    Invariant (I-DB-4): a fence is done only with a receipt that the host's pinned key signed
    over this very order; without it nothing was proven, and the row says so.
    """
    with transaction.atomic():
        state, detail, receipt = _proven(operation, state, detail, receipt)
        moved = transitions.move_many(
            Operation,
            {operation: {"ended_at": now, "detail": detail[:2000], "receipt": receipt}},
            state,
            actor=actor,
            reason=detail[:300] or "Observed by the agent.",
            now=now,
        )
        for op in moved:
            _settle_seat(op, state, detail, actor=actor, now=now)
    return moved


def _proven(
    operation: UUID, state: OperationState, detail: str, receipt: str
) -> tuple[OperationState, str, str]:
    """The outcome as it may be written: only a fence carries a receipt, and only a true one."""
    fence = Operation.objects.filter(pk=operation, verb=Verb.FENCE).select_related("host").first()
    if fence is None or state is not OperationState.DONE:
        return state, detail, ""
    signed = wire.receipt_bytes(str(operation), str(fence.replica_id), fence.database_epoch)
    if is_signed(fence.host.public_key, receipt, signed):
        return state, detail, receipt
    return OperationState.FAILED, f"Its receipt does not verify: nothing is proven. {detail}", ""


def _settle_seat(
    op: Operation, state: OperationState, detail: str, *, actor: Actor, now: datetime
) -> None:
    """A failed start ends the seat; a done stop does too. A done start waits for `running`."""
    failed = state in {OperationState.FAILED, OperationState.REFUSED}
    if op.placement_id is None:
        return
    if op.verb == Verb.START and failed:
        to, why = PlacementState.FAILED, f"It did not start: {detail}"
    elif op.verb == Verb.STOP and state is OperationState.DONE:
        to, why = PlacementState.STOPPED, "The agent stopped it."
    else:
        return
    transitions.move_many(
        Placement,
        {op.placement_id: {"ended_at": now, "detail": detail[:2000]}},
        to,
        actor=actor,
        reason=why,
        now=now,
    )


def withdraw_operations(
    *, operations: Sequence[UUID], actor: Actor, reason: str, now: datetime
) -> list[Operation]:
    """No longer wanted, and not handed out yet. What was handed out is not in the result."""
    return transitions.move_many(
        Operation,
        {pk: {"ended_at": now} for pk in operations},
        OperationState.WITHDRAWN,
        actor=actor,
        reason=reason,
        now=now,
    )


def doubt_operations(
    *, operations: Sequence[UUID], actor: Actor, reason: str, now: datetime
) -> list[Operation]:
    """Their outcome cannot be observed now: unknown, to be looked at again."""
    return transitions.move_many(
        Operation, operations, OperationState.UNKNOWN, actor=actor, reason=reason, now=now
    )
