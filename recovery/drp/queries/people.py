"""Who somebody is now, and what time the database has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.models import User
from django.db import connection

from recovery.access.actions import ROLES
from recovery.core.consent import Pin, roles_of
from recovery.drp.models import Delegation
from recovery.drp.press import Presser

NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class People:
    """Roles of those who are let in; `lent`: (giver, taker) → roles that are lent now."""

    roles: Mapping[str, frozenset[str]]
    lent: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)

    def rights(self, person: str, principal: str) -> frozenset[str]:
        """With which roles `person` acts for `principal`; nothing where one of both is not let in,
        or where nothing is lent any more."""
        if person not in self.roles:
            return NOBODY
        own = self.roles.get(principal, NOBODY)
        if person == principal:
            return own
        return own & self.lent.get((principal, person), NOBODY)

    def lent_to(self, person: str) -> frozenset[str]:
        """All roles that somebody lends them now, and has."""
        givers = [giver for giver, taker in self.lent if taker == person]
        return NOBODY.union(*(self.rights(person, giver) for giver in givers))

    def presser(self, person: str) -> Presser:
        """This person, with what is theirs and what is lent to them."""
        return Presser(person, self.rights(person, person), self.lent_to(person))

    def counted(self, person: str, principal: str, pins: Sequence[Pin]) -> frozenset[str]:
        """Their rights as far as the file of pinned keys has them too: rows alone make nobody an
        approver, and a delegation in the rows neither. Who has no pinned key signs nothing."""
        rights = self.rights(person, principal)
        for who in (person, principal):
            pinned = roles_of(who, pins)
            rights = rights if pinned is None else rights & pinned
        return rights


def database_now() -> datetime:
    """The database's own clock: the one that approvals are counted by."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (found,) = cursor.fetchone() or (None,)
    assert isinstance(found, datetime)
    return found


def people_of() -> People:
    """Everybody who is let in, as of now."""
    rows = User.objects.filter(is_active=True).values_list("username", "groups__name")
    roles: dict[str, frozenset[str]] = {}
    for name, group in rows:
        roles[name] = roles.get(name, NOBODY) | _up_to(group)
    now = database_now()
    lent: dict[tuple[str, str], set[str]] = {}
    lending = Delegation.objects.filter(begins_at__lte=now, ends_at__gt=now, revoked_at=None)
    for row in lending:
        lent.setdefault((row.giver, row.taker), set()).add(row.role)
    return People(
        roles,
        {pair: frozenset(names) for pair, names in lent.items()},
    )


def _up_to(group: str | None) -> frozenset[str]:
    """Each role may do what the ones before it may."""
    return frozenset(ROLES[: ROLES.index(group) + 1]) if group in ROLES else NOBODY


def rights_of(person: str) -> frozenset[str]:
    """One person's own roles."""
    return people_of().rights(person, person)
