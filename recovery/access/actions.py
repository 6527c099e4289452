"""The only writer of people, their roles and their tokens."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Q

from recovery.access.models import ApiToken, LastCode
from recovery.audit.actions import append_entries
from recovery.audit.facts import Actor, Entry
from recovery.core import transitions

ROLES = ("viewer", "responder", "approver", "admin")
"""Each may do what the ones before it may."""


def register_person(
    *, username: str, role: str, password: str, actor: Actor, reason: str, now: datetime
) -> User:
    """The person of this name with exactly this role and this password."""
    with transaction.atomic():
        user, _ = User.objects.get_or_create(username=username)
        user.set_password(password)
        user.save()
        group, _ = Group.objects.get_or_create(name=role)
        user.groups.set([group])
        append_entries(
            [
                Entry(
                    action="registered",
                    object_type="person",
                    object_id=str(user.pk),
                    object_version=1,
                    actor=actor,
                    reason=reason,
                    at=now,
                    after={"username": username, "role": role},
                )
            ]
        )
    return user


def use_code(*, person: User, counter: int, newest: int, now: datetime) -> bool:
    """Whether this code is newer than any that was taken of them: by whichever process, before or
    after whatever restart, one of all who bring it is the first.

    `newest`: of those that are valid now. One that was taken from beyond it was taken by a clock
    that went ahead: it binds nobody any more, else they were locked out until that time comes, and
    the log says so."""
    with transaction.atomic():
        LastCode.objects.get_or_create(person=person)
        row = LastCode.objects.select_for_update().get(person=person)
        before, is_ahead = row.counter, row.counter > newest + 1
        if not is_ahead and before >= counter:
            return False
        LastCode.objects.filter(person=person).update(counter=counter)
        if is_ahead:
            append_entries([_set_back(person, before, counter, now)])
    return True


def begin_codes(*, person: User, counter: int) -> None:
    """Of a new device, by this code that shows that it works: what was taken of an earlier one says
    nothing of it."""
    LastCode.objects.update_or_create(person=person, defaults={"counter": counter})


def _set_back(person: User, before: int, counter: int, now: datetime) -> Entry:
    return Entry(
        action="codes set back",
        object_type="person",
        object_id=str(person.pk),
        object_version=1,
        actor=Actor("person", person.username),
        reason="The newest code taken was of a time that has not come: a clock was ahead.",
        at=now,
        before={"counter": before},
        after={"counter": counter},
    )


def issue_token(
    *, name: str, owner: User, life: timedelta, actor: Actor, reason: str, now: datetime
) -> str:
    """A token that acts as its owner: shown once, kept as a hash."""
    token = "tocsin_" + secrets.token_urlsafe(32)
    row = ApiToken(
        name=name,
        owner=owner,
        secret_digest=digest_token(token),
        issued_at=now,
        expires_at=now + life,
    )
    transitions.create([row], actor=actor, reason=reason, now=now)
    return token


def revoke_token(*, token: ApiToken, actor: Actor, reason: str, now: datetime) -> ApiToken:
    """From now on it opens nothing."""
    changes = {"revoked_at": now}
    return transitions.amend(token, changes, action="revoked", actor=actor, reason=reason, now=now)


def digest_token(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def welcome_people(*, actor: Actor, reason: str, now: datetime, once: bool) -> Mapping[str, str]:
    """Make one person per role, or give each a new password; name → password.

    With `once`, nothing happens where anybody exists who is not of the demonstration, or who has
    ever signed in: a start that ended before it showed the passwords is made good by the next one.
    """
    groups = [Group.objects.get_or_create(name=role)[0] for role in ROLES]
    unused = Q(username__in=ROLES, last_login=None)
    if once and User.objects.exclude(unused).exists():
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
