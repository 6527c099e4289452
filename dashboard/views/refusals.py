"""With which code a page refuses, and how what was typed stays in its form.

Invariant: 403 is only about who asks (their role, or that somebody else has to), 409 about what has
changed or is over, 404 about what is not there, and 422 about what was sent, or a rule that forbids
it.
"""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme

from recovery.core.errors import (
    Conflict,
    Forbidden,
    Missing,
    Refused,
    TocsinError,
    Unsure,
    WrongState,
)

CODES: tuple[tuple[type[TocsinError], int], ...] = (
    (Forbidden, 403),
    (Missing, 404),
    (WrongState, 409),
    (Refused, 422),
    (Conflict, 409),
    (Unsure, 504),
)


def code_of(error: TocsinError) -> int:
    """The first kind of these that it is. Whatever else failed is no fault of who asked."""
    return next((code for kind, code in CODES if isinstance(error, kind)), 503)


def state_code_of(error: TocsinError) -> int:
    """The same as the API's of hosts and databases: where no field that was sent is at fault, it is
    the state that something is in."""
    is_plain = isinstance(error, Refused) and not isinstance(error, Forbidden | Missing)
    if is_plain:
        return 422 if error.field else 409
    return code_of(error)


def older_code_of(error: TocsinError) -> int:
    """Of buttons that have no form of their own, beside whatever page they stand on."""
    return 504 if isinstance(error, Unsure) else 403 if isinstance(error, Refused) else 409


def answer(
    request: HttpRequest,
    do: Callable[[], str],
    back: str = "/",
    code: Callable[[TocsinError], int] = older_code_of,
) -> HttpResponse:
    """Do it and say what came of it: beside the page with a script, after a redirect without."""
    status = 200
    try:
        messages.success(request, do())
    except TocsinError as error:
        status = code(error)
        tell = messages.warning if isinstance(error, Unsure) else messages.error
        tell(request, str(error))
    if request.headers.get("HX-Request"):
        return render(request, "said.html", status=status)
    return _go(request, back)


def attempt(
    request: HttpRequest,
    form: BaseForm,
    do: Callable[[], str],
    back: str,
    code: Callable[[TocsinError], int] = code_of,
) -> HttpResponse | int:
    """The same for a page with a form of its own: what refuses it is said in that form, with what
    was typed. The code with which the page is shown again, or where it goes on."""
    if request.headers.get("HX-Request"):
        return answer(request, do, back, code)
    try:
        said = do()
    except TocsinError as error:
        form.add_error(None, str(error))
        return code(error)
    messages.success(request, said)
    return _go(request, back)


def press(
    request: HttpRequest,
    form: BaseForm,
    do: Callable[[], str],
    *,
    back: str,
    is_others: bool = False,
    is_over: bool = False,
) -> HttpResponse | int:
    """Of a page that is all one form: done where the form is whole. Else the code with which the
    page is shown, with what was typed. Whatever they sent: `is_others`, it is not theirs to say;
    `is_over`, there is nothing of it to do any more."""
    if not form.is_bound:
        return 200
    if not form.is_valid():
        return 403 if is_others else 409 if is_over else 422
    return attempt(request, form, do, back, state_code_of)


def _go(request: HttpRequest, back: str) -> HttpResponse:
    """Where the page came from, if that is one of ours."""
    wanted = request.POST.get("back", back)
    allowed = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()})
    return HttpResponseRedirect(wanted if allowed else back)
