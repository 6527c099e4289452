"""What is lent, and what of it counts: rows, roles and pinned keys in, sentences out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from recovery.access.actions import ROLES
from recovery.core.consent import Pin, roles_of
from recovery.drp.actions.lending import LENDABLE
from recovery.drp.approvals.proofs import pins
from recovery.drp.models import Delegation
from recovery.drp.queries.people import NOBODY, People, database_now, people_of, rights_of
from recovery.drp.views.waiting import by_rank

LATELY = 8
"""So many of those that are over are shown."""


@dataclass(frozen=True, slots=True)
class LentView:
    """One right that is or was lent. `over_at`: None while it stands; `counts`: whether an answer
    with it could count now, `says`: for what, or why not."""

    id: UUID
    giver: str
    taker: str
    role: str
    reason: str
    begins_at: datetime
    ends_at: datetime
    over_at: datetime | None
    was_taken_back: bool
    counts: bool
    says: str


@dataclass(frozen=True, slots=True)
class Taker:
    """Somebody to whom something could be lent. `pinned`: for which of these roles their key is
    pinned, None: they have none."""

    name: str
    role: str
    pinned: tuple[str, ...] | None

    def __str__(self) -> str:
        if self.pinned is None:
            return f"{self.name}, {self.role}: no key pinned"
        return f"{self.name}, {self.role}: key pinned {as_roles(self.pinned)}"


def as_roles(roles: Sequence[str]) -> str:
    return f"as {' and '.join(roles)}" if roles else "for no such role"


def lent_now() -> tuple[LentView, ...]:
    """The next one to end first."""
    now = database_now()
    rows = Delegation.objects.filter(revoked_at=None, ends_at__gt=now)
    return _views(rows.order_by("ends_at"), now)


def lent_lately() -> tuple[LentView, ...]:
    """The last ones that are over, the newest first."""
    now = database_now()
    rows = Delegation.objects.filter(Q(revoked_at__isnull=False) | Q(ends_at__lte=now))
    newest = rows.annotate(over=Coalesce("revoked_at", "ends_at")).order_by("-over")
    return _views(newest[:LATELY], now)


def lent_to(person: str) -> tuple[LentView, ...]:
    return tuple(one for one in lent_now() if one.taker == person)


def unused(person: str, role: str, people: People) -> str:
    """Of rights of this role that are lent to them and do not count: whose, and why not."""
    now, pinned = database_now(), pins()
    rows = Delegation.objects.filter(taker=person, role=role, revoked_at=None, ends_at__gt=now)
    found = ((row, refuse_lent(row, people, pinned)) for row in rows.order_by("ends_at"))
    return " ".join(
        f"What {row.giver} lends you does not count: {why}" for row, why in found if why
    )


def view_lent(pk: UUID) -> LentView | None:
    found = _views(Delegation.objects.filter(pk=pk), database_now())
    return found[0] if found else None


def may_take_back(one: LentView, person: str) -> bool:
    """The giver, or an administrator."""
    return person == one.giver or "admin" in rights_of(person)


def lendable(person: str) -> tuple[str, ...]:
    """Which roles of theirs they can lend."""
    return tuple(role for role in LENDABLE if role in rights_of(person))


def takers(person: str) -> tuple[Taker, ...]:
    """Everybody who is let in and has not each of these roles already."""
    people, pinned, lent = people_of(), pins(), lendable(person)
    return tuple(
        _taker(name, people, pinned)
        for name in by_rank(people)
        if name != person and people.roles[name] and not people.roles[name].issuperset(lent)
    )


def _taker(name: str, people: People, pinned: Sequence[Pin]) -> Taker:
    theirs = roles_of(name, pinned)
    role = max(people.roles[name], key=ROLES.index)
    known = None if theirs is None else tuple(one for one in LENDABLE if one in theirs)
    return Taker(name, role, known)


def _views(rows: QuerySet[Delegation], now: datetime) -> tuple[LentView, ...]:
    people, pinned = people_of(), pins()
    return tuple(_view(row, now, people, pinned) for row in rows)


def _view(row: Delegation, now: datetime, people: People, pinned: Sequence[Pin]) -> LentView:
    ended = row.ends_at if row.ends_at <= now else None
    why = refuse_lent(row, people, pinned)
    return LentView(
        id=row.pk,
        giver=row.giver,
        taker=row.taker,
        role=row.role,
        reason=row.reason,
        begins_at=row.begins_at,
        ends_at=row.ends_at,
        over_at=row.revoked_at or ended,
        was_taken_back=row.revoked_at is not None,
        counts=not why,
        says=why or _serves(row.taker, pinned),
    )


def refuse_lent(row: Delegation, people: People, pinned: Sequence[Pin]) -> str:
    """Why no answer with it counts now, while it stands; empty where one does."""
    theirs, own = roles_of(row.taker, pinned), roles_of(row.giver, pinned)
    taker = people.roles.get(row.taker, NOBODY)
    no = (
        (not people.roles.get(row.giver), f"{row.giver} is not let in any more."),
        (
            row.role not in people.roles.get(row.giver, NOBODY),
            f"{row.giver} has the role {row.role} no more.",
        ),
        (not taker, f"{row.taker} is not let in any more."),
        ("responder" not in taker, f"{row.taker} may only look on now."),
        (row.role in taker, f"{row.taker} has the role {row.role} too by now: that one counts."),
        (
            own is not None and row.role not in own,
            f"{row.giver}’s key is pinned without the role {row.role}.",
        ),
        (
            theirs is not None and row.role not in theirs,
            f"{row.taker}’s key is pinned without the role {row.role}.",
        ),
    )
    return next((why for holds, why in no if holds), "")


def _serves(taker: str, pinned: Sequence[Pin]) -> str:
    if roles_of(taker, pinned) is None:
        return f"By code alone: no key of {taker} is pinned, so nothing that takes a passkey."
    return f"By passkey, too: {taker}’s key is pinned with that role."
