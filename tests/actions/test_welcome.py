"""The people of the demonstration get passwords until somebody used one."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from recovery.access.actions import ROLES, welcome_people
from tests.support.fleet import BY, NOW

pytestmark = pytest.mark.django_db


def welcome() -> set[str]:
    return set(welcome_people(actor=BY, reason="demonstration", now=NOW, once=True))


def test_a_start_that_showed_no_passwords_is_made_good_by_the_next() -> None:
    assert welcome() == welcome() == set(ROLES)


def test_whoever_signed_in_keeps_their_password() -> None:
    welcome()
    User.objects.filter(username="viewer").update(last_login=NOW)
    assert welcome() == set()


def test_where_other_people_are_nobody_is_added() -> None:
    User.objects.create(username="amelie")
    assert welcome() == set()
