"""The only writer of people and groups.

Invariant: passwords are made here, returned once, and kept only as hashes; each person made or
given a new password has an audit entry in the same transaction.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import Group, User
from django.db import transaction

from recovery.audit.actions import append_entries
from recovery.audit.facts import Actor, Entry

ROLES = ("viewer", "responder", "approver", "admin")
"""Each may do what the ones before it may."""


@transaction.atomic
def welcome_people(*, actor: Actor, reason: str, now: datetime, once: bool) -> Mapping[str, str]:
    """Make one person per role, or give each a new password; name → password.

    With `once`, nothing happens where somebody exists already.
    """
    groups = [Group.objects.get_or_create(name=role)[0] for role in ROLES]
    if once and User.objects.exists():
        return {}
    passwords = {role: secrets.token_urlsafe(9) for role in ROLES}
    entries = []
    for rank, role in enumerate(ROLES):
        person, is_new = User.objects.get_or_create(username=role)
        person.set_password(passwords[role])
        person.is_staff = person.is_superuser = role == "admin"
        person.save()
        person.groups.set(groups[: rank + 1])
        action = "PersonWelcomed" if is_new else "PersonGivenNewPassword"
        after = {"groups": list(ROLES[: rank + 1])}
        entries.append(Entry(action, "person", role, 0, actor, reason, now, {}, after))
    append_entries(entries)
    return passwords
