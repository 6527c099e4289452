"""Who may do what: one table, role × action.

Invariant: everything that a person can ask for is a `May` in this table; a view, an API route
and a button look here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User

from recovery.core.errors import Forbidden


class Role(StrEnum):
    """Django groups of these names, from the least to the most."""

    VIEWER = "viewer"
    RESPONDER = "responder"
    APPROVER = "approver"
    ADMIN = "admin"


class May(StrEnum):
    """The acts."""

    VIEW = "view"
    ACKNOWLEDGE = "acknowledge"
    NOTE = "note"
    CORDON = "cordon"
    DRAIN = "drain"
    RELEASE = "release"
    VOUCH = "vouch for a lost container"
    SWITCH_OVER = "switch a database over"
    VOUCH_DATABASE = "vouch for a lost database host"
    VOUCH_DATACENTER = "vouch that a datacenter is lost"
    PROMOTE = "promote a standby that Tocsin refuses"
    RESTORE = "restore a database"
    DECIDE = "decide about a lost datacenter"
    RUN = "run a recovery plan"
    ANSWER = "answer a question of a recovery plan"
    ENROL = "show a passkey"
    BREAK_GLASS = "break glass in a recovery plan"
    WRITE_RUNBOOK = "write a runbook"
    REVIEW_RUNBOOK = "make a runbook active"
    PAUSE = "pause"
    SETTLE = "settle rows in doubt"
    TAKE_EXPORT = "take an export of a database away"
    LAB = "lab"
    READ_AUDIT = "read audit"
    MANAGE_PEOPLE = "manage people"


_WATCH = frozenset({May.VIEW, May.READ_AUDIT})
_RESPOND = _WATCH | {
    May.ACKNOWLEDGE,
    May.NOTE,
    May.CORDON,
    May.DRAIN,
    May.LAB,
    May.PAUSE,
    May.RELEASE,
    May.VOUCH,
    May.SWITCH_OVER,
    May.VOUCH_DATABASE,
    May.VOUCH_DATACENTER,
    May.PROMOTE,
    May.RESTORE,
    May.DECIDE,
    May.RUN,
    May.ANSWER,
    May.ENROL,
    May.WRITE_RUNBOOK,
}
"""A responder may answer with a right that was lent to them; whose right counts says the plan."""
_APPROVE = _RESPOND | {May.SETTLE, May.REVIEW_RUNBOOK, May.TAKE_EXPORT}
"""An approver may also settle restored rows, takes exports away, makes runbooks active, and has a
right of their own to approve steps."""

TABLE: Mapping[Role, frozenset[May]] = {
    Role.VIEWER: _WATCH,
    Role.RESPONDER: _RESPOND,
    Role.APPROVER: _APPROVE,
    Role.ADMIN: frozenset(May),
}


def role_of(user: AbstractBaseUser | AnonymousUser) -> Role | None:
    """The strongest role of an active person; None: may not even look."""
    if not isinstance(user, User) or not user.is_active:
        return None
    return strongest(user.groups.values_list("name", flat=True))


def strongest(groups: Iterable[str]) -> Role | None:
    """The last role of the table among these groups."""
    held = set(groups)
    return next((role for role in reversed(Role) if role in held), None)


def may(role: Role | None, act: May) -> bool:
    """Whether this role may do it."""
    return role is not None and act in TABLE[role]


def require(role: Role | None, act: May) -> None:
    """Raise `Forbidden` with who may instead."""
    if not may(role, act):
        able = ", ".join(r for r in Role if act in TABLE[r])
        raise Forbidden(
            f"As {role or 'nobody'} you may not {act}.", todo=f"Ask someone who is: {able}."
        )
