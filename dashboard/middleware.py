"""No text holds a NUL; old sessions watch, they do not act.

Invariant (D4): 12 h after its start a session is over; 30 min after the last request it may
still look on (a bell that signs itself out at night would not ring), but no unsafe request
passes before the person has signed in again.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect

from recovery.core import clock

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
Answer = Callable[[HttpRequest], HttpResponse]


NUL = "\0"
NO_NUL = "A NUL character stands in the address or in what was sent: no name or text holds one."


class NoNul:
    """Nothing with a NUL in its path, query or body goes further: PostgreSQL keeps no such text."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not _has_nul(request):
            return self.get_response(request)
        if request.path.startswith("/api/"):
            return JsonResponse({"detail": NO_NUL}, status=400)
        return HttpResponse(NO_NUL, status=400, content_type="text/plain; charset=utf-8")


def _has_nul(request: HttpRequest) -> bool:
    if NUL in request.path or _in_fields(request.GET):
        return True
    if request.method in SAFE:
        return False
    if request.content_type == "application/json":
        return b"\\u0000" in request.body or b"\0" in request.body
    return _in_fields(request.POST)


def _in_fields(fields: QueryDict) -> bool:
    return any(NUL in name or any(NUL in one for one in said) for name, said in fields.lists())


class SessionAge:
    """Note when a person last acted; refuse acts of a session that sat idle."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated or request.path.startswith("/account/"):
            return self.get_response(request)
        now = clock.system.now().timestamp()
        started = request.session.setdefault("started_at", now)
        if now - started > settings.SESSION_COOKIE_AGE:
            logout(request)
            return redirect(settings.LOGIN_URL)
        if is_idle(request, now):
            if request.method not in SAFE:
                return _sign_in_again(request)
        elif now - request.session.get("touched_at", 0.0) > 10.0:
            request.session["touched_at"] = now
        return self.get_response(request)


def is_idle(request: HttpRequest, now: float) -> bool:
    """Nobody has used this session for so long that it may only look on.

    A fresh sign-in (allauth notes when) makes it whole again.
    """
    proven = [
        float(m.get("at", 0)) for m in request.session.get("account_authentication_methods", [])
    ]
    touched = max([float(request.session.get("touched_at", now)), *proven])
    return now - touched > settings.TOCSIN_IDLE_SECONDS


def _sign_in_again(request: HttpRequest) -> HttpResponse:
    if request.path.startswith("/api/"):
        said = "This session sat idle for 30 min. Sign in again, then repeat it; nothing was done."
        return JsonResponse({"detail": said}, status=401)
    answer = redirect("account_reauthenticate")
    answer["HX-Redirect"] = answer["Location"]
    return answer
