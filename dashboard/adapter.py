"""How people get in: nobody signs up by himself."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class ClosedDoor(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is not typed
    """Accounts are made by an administrator; the sign-up page stays closed."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def add_message(self, *args: object, **kwargs: object) -> None:
        """Signing in and out is seen, not said: the note below a page is for acts."""
