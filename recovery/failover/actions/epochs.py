"""Who leads a database in which epoch. I-DB-3: an epoch is taken once and only rises."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.inventory.facts import DatabaseState, Role
from recovery.inventory.models import Database, Epoch, Replica


def raise_epoch(
    *,
    database: Database,
    replica: Replica | None,
    state: DatabaseState,
    changes: Mapping[str, object],
    number: int = 0,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Database:
    """The next epoch, led by `replica` or by nobody yet; not below `number`. What a restore was to
    put in place for the epoch before is no condition of this one. In the caller's transaction."""
    number = max(number, database.epoch + 1)
    fields = {
        "epoch": number,
        "primary": replica,
        "state_at": now,
        "state_reason": reason,
        "adopting": None,
        **changes,
    }
    if database.state == state:
        raised = transitions.amend(
            database, fields, action="epoch raised", actor=actor, reason=reason, now=now
        )
    else:
        raised = transitions.move(
            database, state, changes=fields, actor=actor, reason=reason, now=now
        )
    row = Epoch(database=raised, number=number, replica=replica, reason=reason, began_at=now)
    transitions.create([row], actor=actor, reason=reason, now=now)
    return raised


def name_leader(
    *, database: Database, replica: Replica, actor: Actor, reason: str, now: datetime
) -> None:
    """The replica that was seen to lead the present epoch."""
    epoch = Epoch.objects.get(database=database, number=database.epoch)
    transitions.amend(
        epoch, {"replica": replica}, action="primary named", actor=actor, reason=reason, now=now
    )


def set_role(*, replica: Replica, role: Role, actor: Actor, reason: str, now: datetime) -> Replica:
    """What its agent is to make of it from now on; nothing is written when it is so already."""
    row = Replica.objects.select_for_update().get(pk=replica.pk)
    if row.role == role:
        return row
    changes = {"role": str(role), "role_at": now, "reason": reason}
    return transitions.amend(
        row, changes, action=f"role {role}", actor=actor, reason=reason, now=now
    )
