"""Rights to approve: lent and taken back. The same for pages and API."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import User

from dashboard.permissions import May, Role, may, role_of
from recovery.audit.facts import Actor
from recovery.core import clock
from recovery.core.errors import Missing, Refused
from recovery.core.moments import instant
from recovery.drp import actions
from recovery.drp.models import Delegation
from recovery.drp.views.lent import Taker, takers


def takers_for(person: str) -> tuple[Taker, ...]:
    """To whom they can lend something that would be used: whoever may answer at all."""
    return tuple(one for one in takers(person) if may(Role(one.role), May.ANSWER))


def lend(*, taker: str, role: str, until: datetime, actor: Actor, reason: str) -> str:
    person = User.objects.filter(username=taker).first()
    held = role_of(person) if person else None
    if held is not None and not may(held, May.ANSWER):
        raise Refused(
            f"{taker}, a {held}, may only look on: nothing of it could be used.",
            field="taker",
            kept="Nothing was lent.",
        )
    now = clock.system.now()
    row = actions.delegate(
        taker=taker, role=role, ends_at=until, actor=actor, reason=reason, now=now
    )
    return f"{taker} may answer with your role {role} until {instant(row.ends_at, now)}."


def take_back(pk: UUID, *, actor: Actor, reason: str) -> str:
    row = Delegation.objects.filter(pk=pk).first()
    if row is None:
        raise Missing("There is no such lent right.")
    now = clock.system.now()
    actions.revoke_delegation(delegation=row, actor=actor, reason=reason, now=now)
    return f"The role {row.role} is taken back from {row.taker}: nothing rests on it any more."
