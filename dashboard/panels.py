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

from dashboard.facets import backups, databases, incident, needs, pages, recovery, restores, runs
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
    Panel("bell", pages.bell),
    Panel("menu", pages.menu),
    Panel("voice", pages.voice),
    Panel("next", pages.next_action),
    Panel("frozen", pages.frozen),
    Panel("hurt", pages.hurt),
    Panel("fleet", pages.fleet),
    Panel("lines", pages.lines),
    Panel("forecast", pages.forecast),
    Panel("incidents", pages.incidents),
    Panel("applications", pages.applications),
    Panel("hosts", pages.hosts),
    Panel("held", pages.held),
    Panel("lab", pages.lab, May.LAB),
    Panel("mail", pages.mail, May.LAB),
    Panel("processes", pages.processes),
    Panel("incident-voice", incident.incident_voice),
    Panel("incident-next", incident.incident_next),
    Panel("incident-suspects", incident.incident_suspects),
    Panel("incident-phases", incident.incident_phases),
    Panel("incident-told", incident.incident_told),
    Panel("incident-members", incident.incident_members),
    Panel("incident-lines", incident.incident_lines),
    Panel("application-voice", pages.application_voice),
    Panel("application-next", needs.application_next),
    Panel("application-month", pages.application_month),
    Panel("application-seats", pages.application_seats),
    Panel("hurting", databases.hurting),
    Panel("databases", databases.databases),
    Panel("queue", databases.queue),
    Panel("database-voice", databases.database_voice),
    Panel("database-next", needs.database_next),
    Panel("database-acts", databases.database_acts),
    Panel("database-failover", databases.database_failover),
    Panel("database-users", databases.database_users),
    Panel("database-month", databases.database_month),
    Panel("database-copies", databases.database_copies),
    Panel("database-worst", databases.database_worst),
    Panel("database-history", databases.database_history),
    Panel("promises", backups.promises),
    Panel("backups-voice", backups.backups_voice),
    Panel("backups", backups.backups),
    Panel("backups-loss", backups.backups_loss),
    Panel("backups-ages", backups.backups_ages),
    Panel("backups-proofs", backups.backups_proofs),
    Panel("backups-stores", backups.backups_stores),
    Panel("database-backups", backups.database_backups),
    Panel("database-ages", backups.backups_ages),
    Panel("restores", restores.restores),
    Panel("database-restores", restores.restores),
    Panel("recovery", recovery.recovery),
    Panel("recovery-voice", recovery.recovery_voice),
    Panel("recovery-next", recovery.recovery_next),
    Panel("recovery-weigh", recovery.recovery_weigh),
    Panel("recovery-loss", recovery.recovery_loss),
    Panel("recovery-fit", recovery.recovery_fit),
    Panel("recovery-waves", recovery.recovery_waves),
    Panel("recovery-promises", recovery.recovery_promises),
    Panel("recovery-evidence", recovery.recovery_evidence),
    Panel("recovery-told", recovery.recovery_told),
    Panel("runs", runs.runs),
    Panel("drill-hosts", runs.drill_hosts),
    Panel("asked", runs.asked),
    Panel("ask-state", runs.ask_state),
    Panel("run-voice", runs.run_voice),
    Panel("run-next", runs.run_next),
    Panel("run-steps", runs.run_steps),
    Panel("run-drill", runs.run_drill),
    Panel("run-promises", runs.run_promises),
    Panel("run-facts", runs.run_facts),
    Panel("host-voice", pages.host_voice),
    Panel("host-next", needs.host_next),
    Panel("host-copies", databases.host_copies),
    Panel("host-seats", pages.host_seats),
    Panel("host-operations", pages.host_operations),
    Panel("host-acts", pages.host_acts),
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
