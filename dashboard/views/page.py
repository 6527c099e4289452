"""One page: a template, and panels drawn from one look at the rows."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard import VERSION, lab
from dashboard.build import build
from dashboard.panels import draw
from dashboard.permissions import Role
from dashboard.screen import Screen
from recovery.core import clock

EVERYWHERE = ("bell", "menu")
THEMES = ("light", "dark")


def show(
    request: HttpRequest,
    role: Role,
    template: str,
    *,
    area: str,
    topics: Sequence[str] = (),
    heading: str = "",
    status: int = 200,
    **context: object,
) -> HttpResponse:
    """The page with its panels; `panels.<name>` in the template, `-` written as `_`."""
    screen = Screen(role)
    every = (*EVERYWHERE, *topics)
    panels = {t.partition(":")[0].replace("-", "_"): draw(t, screen) for t in every}
    return render(
        request,
        f"pages/{template}.html",
        {
            "area": area,
            "topics": ",".join(every),
            "panels": panels,
            "screen": screen,
            "heading": heading or screen.sentence.text,
            **frame(request, role),
            **context,
        },
        status=status,
    )


def frame(request: HttpRequest, role: Role | None) -> dict[str, object]:
    """What every page needs around its content."""
    return {
        "role": role,
        "now": clock.system.now(),
        "build": build(),
        "version": VERSION,
        "wall": request.GET.get("wall") == "1",
        "has_lab": lab.is_running(),
    }


def days_of(request: HttpRequest) -> str:
    """Of a plot over time, as a topic has it: the last day, unless the last week is asked for."""
    return ":7" if request.GET.get("days") == "7" else ""
