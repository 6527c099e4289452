"""Codes of people's devices: at the door, before what asks again, and under an approval.

Invariant (RFC 6238, 5.2): a code that was taken once is taken nowhere again, whichever process
looked at it: allauth remembers it in its own process only.
"""

from __future__ import annotations

from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import (
    compare_user_code,
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.mfa.utils import decrypt
from django.contrib.auth.models import User

from recovery.access.actions import begin_codes, use_code
from recovery.core import clock

EARLIER = 1
"""The half minute may end between allauth's look and ours."""


def take_code(user: User, secret: str, code: str) -> bool:
    """Whether this code, which is right, is taken for the first time."""
    newest, counter = _counted(secret, code)
    if counter is None:
        return False
    return use_code(person=user, counter=counter, newest=newest, now=clock.system.now())


def _counted(secret: str, code: str) -> tuple[int, int | None]:
    """The newest half minute that counts now, and that of this code."""
    counters = list(yield_hotp_counters_from_time())
    for counter in range(counters[-1], counters[0] - EARLIER - 1, -1):
        if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, counter))):
            return counters[-1], counter
    return counters[-1], None


def is_right(row: Authenticator, code: str) -> bool:
    """Of this device, now, and never taken before."""
    secret = decrypt(row.data["secret"])
    return bool(row.wrap().validate_code(code)) and take_code(row.user, secret, code)


class _Once:
    """A form whose code counts once."""

    def clean_code(self) -> str:
        code: str = super().clean_code()  # type: ignore[misc]  # the form's beside it
        row: Authenticator = self.authenticator  # type: ignore[attr-defined]
        is_code = row.type == Authenticator.Type.TOTP
        if is_code and not take_code(row.user, decrypt(row.data["secret"]), code):
            raise get_adapter().validation_error("incorrect_code")
        return code


class SignIn(_Once, AuthenticateForm):  # type: ignore[misc]  # allauth is not typed
    """At the door."""


class SignInAgain(_Once, ReauthenticateForm):  # type: ignore[misc]  # allauth is not typed
    """Before what asks once more."""


class SetUp(ActivateTOTPForm):  # type: ignore[misc]  # allauth is not typed
    """The code that shows that a new device works opens nothing afterwards. What was taken of an
    earlier one, in this very half minute or by a clock that was ahead, is of another secret."""

    def clean_code(self) -> str:
        code: str = super().clean_code()
        _, counter = _counted(self.secret, code)
        if counter is None:
            raise get_adapter().validation_error("incorrect_code")
        begin_codes(person=self.user, counter=counter)
        return code
