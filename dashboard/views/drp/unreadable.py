"""A run whose rows cannot be read says so on its own page, and on no other."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.permissions import Role
from dashboard.views.page import frame
from recovery.core.errors import TocsinError

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, Role, P], HttpResponse]


def or_unreadable(view: View[P]) -> View[P]:
    """What a form does says itself why it is refused; what is left comes of reading."""

    @wraps(view)
    def guarded(
        request: HttpRequest, role: Role, /, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponse:
        try:
            return view(request, role, *args, **kwargs)
        except TocsinError as error:
            said = {"head": "It cannot be read", "said": str(error), **frame(request, role)}
            return render(request, "pages/missing.html", said, status=409)

    return guarded
