"""Who asks: the role of a request, and the actor that the audit log names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.permissions import May, Role, may, role_of
from recovery.audit.facts import Actor

P = ParamSpec("P")


def actor_of(request: HttpRequest) -> Actor:
    """The person behind a request, with a trace of the session that is no key to it."""
    key = request.session.session_key or ""
    methods = request.session.get("account_authentication_methods", [])
    return Actor(
        type="person",
        id=request.user.get_username(),
        session=hashlib.sha256(key.encode()).hexdigest()[:12] if key else "",
        auth=",".join(str(m.get("method", "")) for m in methods),
    )


def for_people(
    act: May,
) -> Callable[
    [Callable[Concatenate[HttpRequest, Role, P], HttpResponse]], Callable[..., HttpResponse]
]:
    """A view for whoever may do this: signs in first, says no with the reason."""

    def wrap(
        view: Callable[Concatenate[HttpRequest, Role, P], HttpResponse],
    ) -> Callable[..., HttpResponse]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            role = role_of(request.user)
            if role is None or not may(role, act):
                return render(request, "pages/refused.html", {"held": role, "act": act}, status=403)
            return view(request, role, *args, **kwargs)

        return guarded

    return wrap
