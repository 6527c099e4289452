"""Every panel: a function from a screen (and a key) to HTML, used by pages and by pushes alike.

Invariant: a panel's HTML is a function of rows and role. It holds no form, no token and no hour,
so what is pushed equals what a reload would show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from dashboard import facets, inquiry
from dashboard.permissions import May, may
from dashboard.screen import Screen

Context = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Panel:
    """`look`: what its template needs; None: there is nothing to show."""

    name: str
    look: Callable[[Screen, str], Context | None]
    needs: May = May.VIEW


def _panels(*panels: Panel) -> Mapping[str, Panel]:
    return {panel.name: panel for panel in panels}


PANELS = _panels(
    Panel("bell", facets.bell),
    Panel("menu", facets.menu),
    Panel("voice", facets.voice),
    Panel("next", facets.next_action),
    Panel("hurt", facets.hurt),
    Panel("fleet", facets.fleet),
    Panel("lines", facets.lines),
    Panel("forecast", facets.forecast),
    Panel("incidents", facets.incidents),
    Panel("applications", facets.applications),
    Panel("hosts", facets.hosts),
    Panel("held", facets.held),
    Panel("lab", facets.lab, May.LAB),
    Panel("mail", facets.mail, May.LAB),
    Panel("processes", facets.processes),
    Panel("incident-voice", inquiry.incident_voice),
    Panel("incident-next", inquiry.incident_next),
    Panel("incident-suspects", inquiry.incident_suspects),
    Panel("incident-phases", inquiry.incident_phases),
    Panel("incident-told", inquiry.incident_told),
    Panel("incident-members", inquiry.incident_members),
    Panel("incident-lines", inquiry.incident_lines),
    Panel("application-voice", facets.application_voice),
    Panel("application-seats", facets.application_seats),
    Panel("host-voice", facets.host_voice),
    Panel("host-seats", facets.host_seats),
    Panel("host-operations", facets.host_operations),
    Panel("host-acts", facets.host_acts),
)


def draw(topic: str, screen: Screen) -> SafeString:
    """The panel of this topic (`name` or `name:key`); an empty region when there is nothing."""
    name, _, key = topic.partition(":")
    panel = PANELS[name]
    context = panel.look(screen, key) if may(screen.role, panel.needs) else None
    if context is None:
        return SafeString(f'<div id="p-{name}" class="nothing" hidden></div>')
    return render_to_string(
        f"panels/{name}.html", {"screen": screen, "panel": f"p-{name}", "key": key, **context}
    )


def is_topic(topic: str) -> bool:
    """Whether a socket may ask for it."""
    name, _, key = topic.partition(":")
    return name in PANELS and len(key) <= 120
