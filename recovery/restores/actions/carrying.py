"""The steps of a restore, each one transaction of its leader: rows, orders, story.

Invariant: a step moves the row from the phase that was judged, or nothing happens; what is ordered
is a row before it is an act (B8).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from recovery.audit.facts import Actor
from recovery.backups.actions import borrow_volume, end_loan
from recovery.backups.facts import StoreKind
from recovery.core import transitions
from recovery.core.archive.names import instant as moment_of
from recovery.core.archive.names import milliseconds
from recovery.core.errors import Conflict
from recovery.core.wire.backups import RestoreResult
from recovery.failover.actions.moves import OPEN, lead_elsewhere
from recovery.failover.actions.restored import (
    end_adopting,
    give_up_restored,
    lead_again,
    lead_alone,
)
from recovery.failover.phases import VouchState
from recovery.inventory.facts import Plan, Verdict
from recovery.inventory.models import Database, Replica
from recovery.operations.actions import request_acts, withdraw_operations
from recovery.operations.facts import Act as Order
from recovery.operations.facts import OperationState, Verb
from recovery.restores import lost, queries, standings
from recovery.restores.actions.steps import reach
from recovery.restores.facts import Act, Phase, Step
from recovery.restores.in_place import refuse_here
from recovery.restores.models import Restore, Stray
from recovery.restores.queries import Leases

URGENCY = 50


def carry(
    *, restore: UUID, step: Step, actor: Actor, now: datetime, leases: Leases | None = None
) -> Restore:
    """Take this step. In the caller's transaction, under the leader's epoch. `leases`: as it was
    judged by."""
    held = Database.objects.select_for_update().get(restores=restore)
    row = queries.load(restore)
    row.database = held
    match step.act:
        case Act.ORDER:
            _order(row, actor=actor, reason=step.reason, now=now)
            changes: Mapping[str, object] = {}
        case Act.TAKE:
            changes = _taken(row, actor=actor, now=now)
        case Act.SWITCH:
            if _refusal(row, queries.hearing(leases, now)):
                raise _overtaken(row.database)
            changes = _switched(row, step, actor=actor, now=now)
        case Act.CLOSE:
            _close_again(row, actor=actor, reason=step.reason, now=now)
            changes = {}
        case Act.END:
            _end(row, step, actor=actor, now=now)
            changes = {"ended_at": now, "end_reason": step.reason}
        case Act.ADVANCE:
            changes = _advanced(row, step, actor=actor, now=now)
    if step.to == row.phase:
        return row
    return reach(row, step.to, changes=changes, actor=actor, reason=step.reason, now=now)


def discard_again(*, restore: UUID, reason: str, actor: Actor, now: datetime) -> None:
    """Its host is asked once more to drop what it has of it. In the caller's transaction."""
    held = Database.objects.select_for_update().get(restores=restore)
    row = queries.load(restore)
    row.database = held
    _ask(row, Verb.DISCARD, actor=actor, reason=f"Asked for again: {reason}", now=now)


def drop_stray(*, stray: Stray, replica: Replica, actor: Actor, now: datetime) -> None:
    """Its host is asked to drop what no restore and no restore test knows that it still has. One
    that is under way has another name, or another host. In the caller's transaction."""
    order = Order(
        verb=Verb.DISCARD,
        replica=replica.pk,
        host=stray.host_id,
        database_epoch=replica.database.epoch,
        params={"restore": stray.restore},
    )
    reason = f"{stray.host} holds data of a restore that nobody asks for any more."
    request_acts(acts=[order], actor=actor, reason=reason, now=now)


def _advanced(row: Restore, step: Step, *, actor: Actor, now: datetime) -> Mapping[str, object]:
    """A provider's snapshot is read from a volume that has to be made first."""
    if step.to is Phase.PLACE and row.source.store.kind == StoreKind.SNAPSHOT:
        borrow_volume(replica=row.source, borrower=row.pk, actor=actor, reason=step.reason, now=now)
    return {}


def _order(row: Restore, *, actor: Actor, reason: str, now: datetime) -> None:
    """The agent's order of the phase: `place` goes on to the restore itself."""
    verb = Verb.ADOPT if row.phase == Phase.SWITCH else Verb.RESTORE
    _ask(row, verb, actor=actor, reason=reason, now=now)


def _ask(row: Restore, verb: Verb, *, actor: Actor, reason: str, now: datetime) -> None:
    led = standings.leader_of(row.database)
    assert led is not None, "somebody led what is restored"
    params: dict[str, object] = {"restore": str(row.pk)}
    if verb is Verb.RESTORE:
        params |= {"source": str(row.source_id), "to": milliseconds(row.to)}
    order = Order(
        verb=verb,
        replica=led.pk,
        host=row.host_id,
        database_epoch=row.database.epoch,
        urgency=URGENCY,
        params=params,
    )
    request_acts(acts=[order], actor=actor, reason=reason, now=now)


def _taken(row: Restore, *, actor: Actor, now: datetime) -> Mapping[str, object]:
    """What its agent read back; what cannot be read is left empty, and goes no further."""
    end_loan(borrower=row.pk, actor=actor, reason="It was read.", now=now)
    done = [op for op in queries.orders_of(row, [Verb.RESTORE]) if op.state == OperationState.DONE]
    try:
        told = msgspec.json.decode(done[-1].detail, type=RestoreResult)
    except msgspec.MsgspecError:
        return {}
    return {
        "recovered_to": moment_of(told.moment),
        "canary_at": moment_of(told.canary),
        "bytes": told.size,
        "seconds": told.seconds,
        "speed": told.speed,
    }


def _switched(row: Restore, step: Step, *, actor: Actor, now: datetime) -> Mapping[str, object]:
    """The database belongs on the new host from this transaction on, at an epoch above the old."""
    database, left = row.database, _living_host(row)
    if database.epoch != row.old_epoch:
        raise _overtaken(database)
    why = f"Restored from replica {row.source.number} by {row}: {step.reason}"
    said = f"{row} restored it: {row.host} puts its data in place and starts it."
    adopting = row.pk if row.in_place else None
    if database.plan == Plan.BUSINESS:
        led = standings.leader_of(database)
        assert led is not None, "it was checked"
        moved = lead_alone(
            database,
            led,
            row.host,
            lease=step.lease,
            adopting=adopting,
            why=why,
            said=said,
            actor=actor,
            now=now,
        )
    elif adopting is not None:
        moved = lead_again(database, adopting=adopting, why=why, said=said, actor=actor, now=now)
    else:
        moved = lead_elsewhere(database, row.host, why=why, said=said, actor=actor, now=now)
    row.database = moved
    if left is None:
        _ask(row, Verb.ADOPT, actor=actor, reason=step.reason, now=now)
    else:
        _close(row, left, actor=actor, reason=f"{row} took its place: {step.reason}", now=now)
    return {"new_epoch": moved.epoch}


def _living_host(row: Restore) -> UUID | None:
    """That it is on, where another takes its place while it lives."""
    led = standings.leader_of(row.database)
    if row.in_place or led is None or led.host.verdict != Verdict.ALIVE:
        return None
    return led.host_id


def _close(row: Restore, host: UUID, *, actor: Actor, reason: str, now: datetime) -> None:
    """It signs that what it has serves nobody any more, in the epoch that it led."""
    led = standings.leader_of(row.database)
    assert led is not None, "somebody led what is restored"
    order = Order(
        verb=Verb.FENCE,
        replica=led.pk,
        host=host,
        database_epoch=row.old_epoch,
        urgency=URGENCY,
        params={"restore": str(row.pk)},
    )
    request_acts(acts=[order], actor=actor, reason=reason, now=now)


def _close_again(row: Restore, *, actor: Actor, reason: str, now: datetime) -> None:
    asked = list(queries.orders_of(row, [Verb.FENCE]))
    _close(row, asked[-1].host_id, actor=actor, reason=reason, now=now)


def _overtaken(database: Database) -> Conflict:
    return Conflict(f"{database} is {database.state} in epoch {database.epoch} by now.")


def _refusal(row: Restore, hears: standings.Hearing) -> str:
    standing = standings.standing_of(row.database, hears)
    if not row.in_place:
        return lost.refuse(standing)
    led = row.database.primary
    is_there = led is not None and led.host_id == row.host_id
    return refuse_here(standing) if is_there else f"{row.host} leads it no more."


def _end_here(row: Restore, step: Step, *, actor: Actor, now: datetime) -> None:
    """A restore in place that ends after its switch: what it brought serves, or what was there
    before does, at an epoch that no order of it reaches and that says so to its host."""
    if row.database.adopting != row.pk:
        return
    database, reason = row.database, step.reason
    if step.to is Phase.DONE:
        row.database = end_adopting(database, actor=actor, reason=reason, now=now)
        return
    assert row.new_epoch is not None, "it was switched"
    row.database = give_up_restored(
        database, began=row.new_epoch, actor=actor, reason=reason, now=now
    )


def _end(row: Restore, step: Step, *, actor: Actor, now: datetime) -> None:
    """What waits for a word or for its turn waits no more; what may be staged is dropped."""
    _end_here(row, step, actor=actor, now=now)
    if row.vouch.state in OPEN:
        transitions.move(row.vouch, VouchState.EXPIRED, actor=actor, reason=step.reason, now=now)
    end_loan(borrower=row.pk, actor=actor, reason=step.reason, now=now)
    ordered = [op.pk for op in queries.orders_of(row, [Verb.RESTORE, Verb.ADOPT])]
    withdraw_operations(operations=ordered, actor=actor, reason=step.reason, now=now)
    if step.to is Phase.ABANDONED and ordered and standings.leader_of(row.database) is not None:
        _ask(row, Verb.DISCARD, actor=actor, reason=step.reason, now=now)
