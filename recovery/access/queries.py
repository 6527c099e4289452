"""Whose token, whose session."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.contrib.auth.models import User
from django.contrib.sessions.models import Session

from recovery.access.actions import digest_token
from recovery.access.models import ApiToken


def owner_of_token(token: str, now: datetime) -> User | None:
    """The active person for whom this token acts now."""
    row = (
        ApiToken.objects.filter(
            secret_digest=digest_token(token),
            revoked_at=None,
            expires_at__gt=now,
            owner__is_active=True,
        )
        .select_related("owner")
        .first()
    )
    return row.owner if row else None


def living_sessions(keys: Collection[str], now: datetime) -> set[str]:
    """Which of these sessions still exist and have not expired."""
    rows = Session.objects.filter(session_key__in=list(keys), expire_date__gt=now)
    return set(rows.values_list("session_key", flat=True))


def groups_of_active(users: Collection[int]) -> dict[int, frozenset[str]]:
    """The groups of those of these people who may still come in."""
    found: dict[int, set[str]] = {}
    rows = User.objects.filter(pk__in=list(users), is_active=True)
    for pk, group in rows.values_list("pk", "groups__name"):
        found.setdefault(pk, set()).update({group} - {None})
    return {pk: frozenset(names) for pk, names in found.items()}
