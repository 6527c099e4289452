"""Who calls: a person's session (with its CSRF token) or a token that acts for a person."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest
from ninja.security import HttpBearer, SessionAuth

from dashboard.people import actor_of
from dashboard.permissions import May, Role, require, role_of
from recovery.access import queries as access
from recovery.audit.facts import Actor
from recovery.core import clock


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller with the role that decides and the actor that is written down."""

    role: Role | None
    actor: Actor


class BySession(SessionAuth):
    """The browser's own session. Where nobody is signed in there is none that could be misused, and
    a missing token of its pages is not what is wrong."""

    def _get_key(self, request: HttpRequest) -> str | None:
        return super()._get_key(request) if request.user.is_authenticated else None

    def authenticate(self, request: HttpRequest, key: str | None) -> Caller | None:
        if not request.user.is_authenticated:
            return None
        return Caller(role_of(request.user), actor_of(request))


class ByToken(HttpBearer):
    """`Authorization: Bearer tocsin_…`."""

    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:
        owner = access.owner_of_token(token, clock.system.now())
        if owner is None:
            return None
        return Caller(role_of(owner), Actor("person", owner.get_username(), auth="token"))


by_session = BySession(csrf=True)
by_token = ByToken()


def caller(request: HttpRequest, act: May) -> Caller:
    """Who calls, if it may do this; raises `Refused`."""
    found = request.auth  # type: ignore[attr-defined]  # ninja puts it there
    assert isinstance(found, Caller)
    require(found.role, act)
    return found
