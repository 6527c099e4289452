"""How people get in: nobody signs up by himself; who fails too often is told until when."""

from __future__ import annotations

from datetime import timedelta

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal.ratelimit import get_rates
from django.http import HttpRequest

from recovery.backups.words import spoken


def tries_last(action: str) -> timedelta:
    """After this long each earlier try is forgotten, whichever of its limits was met: they slide,
    and a try that is refused is not counted."""
    rates = get_rates(app="allauth.account", action=action)
    return timedelta(seconds=max((rate.duration for rate in rates), default=0))


def too_many(action: str) -> str:
    """What was too much, and when it is over."""
    span = spoken(tries_last(action))
    return f"Too many tries within {span}. Nothing is locked: wait {span} at most, then try again."


class ClosedDoor(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is not typed
    """Accounts are made by an administrator; the sign-up page stays closed."""

    @property
    def error_messages(self) -> dict[str, str]:
        """allauth's says "later", and nobody knows when that is."""
        return {
            **DefaultAccountAdapter.error_messages,
            "too_many_login_attempts": too_many("login_failed"),
        }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def add_message(self, *args: object, **kwargs: object) -> None:
        """Signing in and out is seen, not said: the note below a page is for acts."""
