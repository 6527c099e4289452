"""A code of a device is taken once, whichever process looks at it, and at whichever door."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.utils import get_form_class
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import cache
from django.db import connection
from django.test import Client, RequestFactory, override_settings

from dashboard.acts.passkeys import check_code
from dashboard.codes import SetUp, SignIn, SignInAgain
from recovery.access.actions import register_person, use_code
from recovery.audit.models import AuditEntry
from recovery.core.errors import Refused
from tests.support.fleet import BY, NOW


def person() -> tuple[User, str]:
    """Somebody with a device, and what it shows now."""
    register_person(username="bruno", role="approver", password="x", actor=BY, reason="x", now=NOW)
    user, secret = User.objects.get(username="bruno"), generate_totp_secret()
    TOTP.activate(user, secret)
    counter = next(iter(yield_hotp_counters_from_time()))
    return user, str(format_hotp_value(hotp_value(secret, counter)))


def restart() -> None:
    """Another process, or this one after its restart: it remembers nothing."""
    cache.clear()


@pytest.fixture
def asked() -> Iterator[None]:
    request = RequestFactory().post("/")
    request.session = SessionStore()
    with context.request_context(request):
        yield


@pytest.mark.django_db
@pytest.mark.usefixtures("asked")
def test_a_code_that_let_somebody_in_approves_nothing_in_another_process() -> None:
    user, code = person()
    assert SignIn({"code": code}, user=user).is_valid()
    restart()
    assert not SignIn({"code": code}, user=user).is_valid()
    restart()
    assert not SignInAgain({"code": code}, user=user).is_valid()
    restart()
    with pytest.raises(Refused, match="or it was used"):
        check_code(user, code)


@pytest.mark.django_db
@pytest.mark.usefixtures("asked")
def test_a_code_that_approved_something_lets_nobody_in_afterwards() -> None:
    user, code = person()
    check_code(user, code)
    restart()
    with pytest.raises(Refused, match="or it was used"):
        check_code(user, code)
    restart()
    assert not SignIn({"code": code}, user=user).is_valid()


@pytest.mark.django_db
def test_every_form_of_a_code_is_one_of_ours() -> None:
    ours = {name: get_form_class(settings.MFA_FORMS, name, None) for name in settings.MFA_FORMS}
    assert ours == {
        "authenticate": SignIn,
        "reauthenticate": SignInAgain,
        "activate_totp": SetUp,
    }
    assert Authenticator.Type.TOTP in settings.MFA_SUPPORTED_TYPES


@pytest.mark.django_db(transaction=True)
def test_of_many_who_bring_one_code_at_once_one_is_the_first() -> None:
    user, _ = person()
    together = threading.Barrier(4)

    def bring(_: int) -> bool:
        together.wait(60)
        try:
            return use_code(person=user, counter=7, newest=8, now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(bring, range(4))) == 1
    assert not use_code(person=user, counter=6, newest=8, now=NOW), "an older one is over, too"
    assert use_code(person=user, counter=8, newest=8, now=NOW)


@pytest.mark.django_db
@pytest.mark.usefixtures("asked")
def test_a_clock_that_was_ahead_locks_nobody_out_once_it_is_right_and_the_log_says_so() -> None:
    user, code = person()
    counter = max(yield_hotp_counters_from_time())
    assert use_code(person=user, counter=counter + 2880, newest=counter + 2880, now=NOW)
    assert SignIn({"code": code}, user=user).is_valid()
    restart()
    assert not SignIn({"code": code}, user=user).is_valid(), "and it counts once"
    told = AuditEntry.objects.get(body__action="codes set back").body
    assert (told["actor"]["id"], told["before"]) == ("bruno", {"counter": counter + 2880})


@pytest.mark.django_db
def test_a_code_of_the_next_half_minute_is_of_no_clock_that_was_ahead() -> None:
    user, _ = person()
    assert use_code(person=user, counter=9, newest=9, now=NOW)
    assert not use_code(person=user, counter=8, newest=8, now=NOW), "another process may be slower"
    assert use_code(person=user, counter=7, newest=7, now=NOW)


@pytest.mark.django_db
@pytest.mark.usefixtures("asked")
def test_a_new_device_is_set_up_within_the_half_minute_of_a_sign_in_and_its_code_counts_once() -> (
    None
):
    user, code = person()
    assert SignIn({"code": code}, user=user).is_valid()
    Authenticator.objects.filter(user=user).delete()
    form = SetUp(user=user)
    counter = next(iter(yield_hotp_counters_from_time()))
    fresh = str(format_hotp_value(hotp_value(form.secret, counter)))
    assert SetUp({"code": fresh}, user=user).is_valid()
    TOTP.activate(user, form.secret)
    restart()
    assert not SignIn({"code": fresh}, user=user).is_valid()


@pytest.mark.django_db
@override_settings(ACCOUNT_RATE_LIMITS={"login_failed": "9/3m/ip,2/m/key"})
def test_who_tries_too_often_is_told_until_when() -> None:
    restart()
    told, page = {"login": "nobody", "password": "wrong"}, ""
    for _ in range(3):
        assert "Too many tries" not in page
        page = Client().post("/account/login/", told).content.decode()
    assert "Too many tries within 3 min." in page
    assert "wait 3 min at most" in page


@pytest.mark.django_db
@override_settings(ACCOUNT_RATE_LIMITS={"reauthenticate": "1/m/user"})
def test_who_is_asked_again_and_tries_too_often_is_told_so_on_a_page() -> None:
    restart()
    user, client = User.objects.create_user("ada", password="secret"), Client()
    client.force_login(user)
    for code in (200, 429):
        page = client.post("/account/reauthenticate/", {"password": "wrong"})
        assert page.status_code == code
    assert "wait 60 s at most" in page.content.decode()
