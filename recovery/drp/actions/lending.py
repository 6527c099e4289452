"""A right to approve is lent, and taken back.

Invariants: it ends; it is the giver's own, and never one that was lent to them; one role stands
lent once from one person to another, so that taking it back leaves nothing of it; the team is told
of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction

from recovery.alarms.actions import send_message
from recovery.alarms.facts import Audience
from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Conflict, Forbidden, Missing, Refused
from recovery.core.moments import instant
from recovery.drp import queries
from recovery.drp.models import Delegation

LENDABLE = ("approver", "admin")
"""What approvals of plans ask for: of any other role nothing could be used."""
LONGEST_DELEGATION = timedelta(days=14)
NOTHING = "Nothing was lent."


def delegate(
    *, taker: str, role: str, ends_at: datetime, actor: Actor, reason: str, now: datetime
) -> Delegation:
    """From now on `taker` may use this role of the actor's. `Conflict` where they may already: a
    longer time is another word, given once the first one is taken back."""
    with transaction.atomic():
        _one_at_a_time(actor.id)
        at, roles = queries.database_now(), queries.people_of().roles
        row = Delegation(
            giver=actor.id, taker=taker, role=role, reason=reason, begins_at=at, ends_at=ends_at
        )
        if role in LENDABLE and role not in roles.get(actor.id, ()):
            raise Forbidden(f"You have no role {role} to lend.", field="role", kept=NOTHING)
        if not roles.get(taker):
            raise Missing(f"{taker} is nobody who is let in.", field="taker", kept=NOTHING)
        for field, why in _faults(row, roles):
            raise Refused(why, field=field, kept=NOTHING)
        if there := _standing(row):
            raise Conflict(
                f"You lend {taker} the role {role} already, until {instant(there.ends_at, at)}.",
                kept=NOTHING,
                todo="Take that back first to lend it for another time.",
            )
        transitions.create([row], actor=actor, reason=reason, now=now)
        until = f"Until {instant(ends_at, at)}. {reason}"
        _tell(row, f"{actor.id} lends {taker} the role {role}", until, actor=actor, now=now)
    return row


def _faults(row: Delegation, roles: Mapping[str, frozenset[str]]) -> list[tuple[str, str]]:
    """What of it is wrong, each with its field. Of one person one yes is counted: whoever has the
    role would have no second one by it, and the giver would count on it in vain."""
    taker, role, span = row.taker, row.role, row.ends_at - row.begins_at
    has_it = f"{taker} is {role} already, and each person counts once: it would add nothing."
    found = (
        ("role", role not in LENDABLE, f"What is lent is {' or '.join(LENDABLE)}."),
        ("taker", taker == row.giver, "Nobody delegates to themselves."),
        ("taker", role in roles[taker], has_it),
        ("until", span <= timedelta(0), "It would be over already."),
        ("until", span > LONGEST_DELEGATION, "Fourteen days at most: then say it again."),
        ("reason", not row.reason.strip(), "Say why."),
    )
    return [(field, why) for field, holds, why in found if holds]


def _one_at_a_time(giver: str) -> None:
    """Two presses of one button are one after the other, and the second one sees the first."""
    list(User.objects.select_for_update(no_key=True).filter(username=giver).values_list("pk"))


def _standing(row: Delegation) -> Delegation | None:
    """The same one, that is not over yet."""
    rows = Delegation.objects.filter(giver=row.giver, taker=row.taker, role=row.role)
    return rows.filter(revoked_at=None, ends_at__gt=row.begins_at).first()


def revoke_delegation(
    *, delegation: Delegation, actor: Actor, reason: str, now: datetime
) -> Delegation:
    """Nothing rests on it any more, not even what was said with it. `Conflict` where it is over."""
    if delegation.giver != actor.id and "admin" not in queries.rights_of(actor.id):
        raise Forbidden(f"It is {delegation.giver}’s to take back, or an administrator’s.")
    at = queries.database_now()
    if over := over_since(delegation, at):
        raise Conflict(over, kept="Nothing is lent by it.")
    with transaction.atomic():
        row = transitions.amend(
            delegation, {"revoked_at": at}, action="revoked", actor=actor, reason=reason, now=now
        )
        said = f"{actor.id} took the role {row.role} back that {row.giver} lent {row.taker}"
        _tell(row, said, reason, actor=actor, now=now, key="back")
    return row


def over_since(row: Delegation, at: datetime) -> str:
    """How and when it ended; empty while it stands."""
    if row.revoked_at is not None:
        return f"It was taken back on {instant(row.revoked_at, at)}."
    return f"It ended by itself on {instant(row.ends_at, at)}." if row.ends_at <= at else ""


def _tell(
    row: Delegation, title: str, body: str, *, actor: Actor, now: datetime, key: str = "lent"
) -> None:
    """Everybody, the taker among them: whose right is used at night is nobody's secret."""
    send_message(
        key=f"right:{row.pk}:{key}",
        audience=Audience.TEAM,
        title=title,
        body=body,
        needs_channel=False,
        actor=actor,
        reason=body,
        now=now,
    )
