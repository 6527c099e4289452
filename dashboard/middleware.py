"""No text holds a NUL, turns its direction or is endless; old sessions watch, they do not act.

Invariant (D4): 12 h after its start a session is over; 30 min after the last request it may
still look on (a bell that signs itself out at night would not ring), but no unsafe request
passes before the person has signed in again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render

from dashboard.permissions import role_of
from dashboard.views.page import frame
from recovery.core import clock
from recovery.core.texts import NUL, why_not, without

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
Answer = Callable[[HttpRequest], HttpResponse]


MOST = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
NO_NUL = "A NUL character stands in the address or in what was sent: no name or text holds one."


WORDS_SENT = "what was sent"
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")


class NoNul:
    """Nothing with a NUL in its path, query or body goes further: PostgreSQL keeps no such text.
    Nor does a body with a mark that turns the direction of text: it would be signed, and read as
    something else. What a signed-in person typed into a form is shown to them without it
    (`NoNulInForms`)."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _is_too_long(request):
            said = f"That is longer than the {MOST} bytes that are read at once. Nothing was done."
            return _said(request, said, 413)
        said = _wrong(request)
        return _said(request, said, 400) if said else self.get_response(request)


def _said(request: HttpRequest, said: str, status: int) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": said}, status=status)
    return HttpResponse(said, status=status, content_type="text/plain; charset=utf-8")


def _is_too_long(request: HttpRequest) -> bool:
    """Django would say so wherever the body is read, in a page of its own."""
    told = request.META.get("CONTENT_LENGTH") or "0"
    if request.method in SAFE or request.content_type == "multipart/form-data":
        return False
    return told.isdecimal() and int(told) > MOST


def _wrong(request: HttpRequest) -> str:
    """Why it goes no further; empty: it does."""
    if NUL in request.path or any(NUL in name + one for name, one in _fields(request.GET)):
        return NO_NUL
    if request.method in SAFE or is_form(request):
        return ""
    sent = request.body  # read before the form is: whoever comes after may want either
    if request.content_type == "application/json":
        return _wrong_text(_ESCAPED.sub(_unescaped, sent.decode(errors="replace")))
    return next(filter(None, (_wrong_field(*field) for field in _fields(request.POST))), "")


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1], 16))


def _wrong_field(name: str, one: str) -> str:
    """A password is no text that anybody reads, and is kept as its hash."""
    is_hidden = "password" in name and NUL not in one
    return _wrong_text(name if is_hidden else name + one)


def _wrong_text(text: str) -> str:
    return NO_NUL if NUL in text else why_not(text, WORDS_SENT)


def _fields(fields: QueryDict) -> Iterator[tuple[str, str]]:
    return ((name, one) for name, said in fields.lists() for one in said)


def is_form(request: HttpRequest) -> bool:
    """Of a page of ours: not of the API, and none that a password is typed into."""
    is_ours = not request.path.startswith(("/api/", "/account/"))
    return is_ours and request.content_type in FORMS


class NoNulInForms:
    """A form with a NUL, or with what turns text, reaches no view: it is shown again without it,
    with the field's name. Its place is behind sign-in and the check of the form's token, so that
    nobody else's words are."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: object, args: object, kwargs: object
    ) -> HttpResponse | None:
        if request.method in SAFE or not is_form(request):
            return None
        said = next(filter(None, (_wrong_text(n + one) for n, one in _fields(request.POST))), "")
        if not said:
            return None
        if not request.user.is_authenticated:
            return HttpResponse(said, status=400, content_type="text/plain; charset=utf-8")
        return typed_again(request)


def typed_again(request: HttpRequest) -> HttpResponse:
    """Whoever typed it reads what is left, and sends it once more."""
    fields = [
        (without(name), without(one), bool(why_not(name + one, name)))
        for name, one in _fields(request.POST)
        if name != "csrfmiddlewaretoken"
    ]
    wrong = list(dict.fromkeys(name for name, _, is_wrong in fields if is_wrong))
    names = " and ".join(f"“{name.replace('_', ' ')}”" for name in wrong)
    said = why_not("".join(name + one for name, one in _fields(request.POST)), names)
    if request.headers.get("HX-Request"):
        messages.error(request, said)
        return render(request, "said.html", status=422)
    context = {"said": said, "fields": fields, **frame(request, role_of(request.user))}
    return render(request, "pages/typed-again.html", context, status=422)


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
