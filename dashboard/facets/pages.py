"""What each panel shows: a screen and a key in, a template's context out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from dashboard import lab as lab_controls
from dashboard.facets import backups, databases
from dashboard.facets.needs import needs_of
from dashboard.permissions import May
from dashboard.screen import Screen
from recovery.alarms.screens import AlarmView
from recovery.core import clock
from recovery.drp.views.owning import placing_runs
from recovery.engines.state import State
from recovery.incidents import screens as incident_rows
from recovery.incidents.screens import IncidentView
from recovery.inventory import screens as inventory
from recovery.inventory.facts import Verdict
from recovery.inventory.queries import host_deaf_since
from recovery.inventory.screens import HostCell
from recovery.lab.letters import newest_letters
from recovery.operations import screens as operations
from recovery.restores.words import deaf
from recovery.scheduling import screens as scheduling
from recovery.traffic.month import month_of_application

Context = Mapping[str, Any]


def bell(screen: Screen, key: str) -> Context:
    """What the tab shows and whether it rings; the same sentence as the page."""
    first = screen.first
    return {
        "rings": " ".join(alarm.id for alarm in screen.ringing),
        "says": "; ".join(alarm.title for alarm in screen.ringing),
        "incident": first.number if first and first.is_open else "",
    }


def menu(screen: Screen, key: str) -> Context:
    return {"unresolved": sum(i.is_open for i in screen.incidents)}


def voice(screen: Screen, key: str) -> Context:
    """The clock is that of the incident whose sign it stands beside: its own page, the brief and
    the run count the same. Where only something else is hurt it has no sign."""
    first, since = screen.first, screen.hurt_since
    if first and first.is_open:
        since = first.happened_at
    elif since is not None:
        first = None
    return {
        "incident": first,
        "alarm": screen.alarm,
        "said": screen.sentence,
        "since": since,
    }


def next_action(screen: Screen, key: str) -> Context | None:
    """Answer what waits for `key`, the person who looks; take an incident or an alarm, do what
    waits for a person, or follow what goes on. Where a run recovers all that nobody has taken, it
    is the run that is followed: taking the incident comes after that."""
    open_ = [i for i in screen.incidents if i.is_open]
    untaken = [i for i in screen.incidents if not i.is_taken]
    waiting = next(iter(untaken), None)
    loose = next((a for a in screen.ringing if not _is_taken_with(a, waiting)), None)
    found = needs_of(screen)
    if not any((waiting, loose, open_, found)):
        return None
    led = {one.incident: one for one in found if one.incident}
    run = led.get(waiting.number) if waiting and all(i.number in led for i in untaken) else None
    return {
        "mine": next((one for one in found if key in one.people), None),
        "run": run,
        "others": [one for one in found if one is not run],
        "waiting": waiting,
        "alarm": loose,
        "taken": open_[0] if open_ else None,
        "needs": found,
    }


def _is_taken_with(alarm: AlarmView, waiting: IncidentView | None) -> bool:
    """Whoever takes the incident takes the alarm."""
    return waiting is not None and alarm.incident == waiting.number


def frozen(screen: Screen, key: str) -> Context | None:
    """What recovery plans have frozen and fenced; nothing where nothing is. What a plan that goes
    on has, is not offered for lifting, unless all that is left of it is done by hand."""
    if not screen.freezes and not screen.fences:
        return None
    behind = {one.site: one for one in screen.behind}
    fences = [(one, behind.get(one.site)) for one in screen.fences]
    return {"freezes": screen.freezes, "fences": fences, "owners": screen.owners}


def hurt(screen: Screen, key: str) -> Context | None:
    if not screen.hurt:
        return None
    since = {m.name: m.since for m in screen.hurt_members}
    placing = placing_runs() if any(not a.arriving for a in screen.hurt) else {}
    rows = [
        (a, since.get(a.name), screen.services.get(a.name), placing.get(a.name, ""))
        for a in screen.hurt
    ]
    return {"rows": rows}


def fleet(screen: Screen, key: str) -> Context:
    return {"sites": screen.sites}


def lines(screen: Screen, key: str) -> Context | None:
    found = incident_rows.latest_lines()
    return {"lines": found, "of": None} if found else None


def incidents(screen: Screen, key: str) -> Context:
    return {"rows": incident_rows.recent_incidents()}


def applications(screen: Screen, key: str) -> Context:
    return {"rows": [(a, screen.services.get(a.name)) for a in screen.applications]}


def hosts(screen: Screen, key: str) -> Context:
    """`key`: only this datacenter."""
    rows = [(site, host) for site in screen.sites for host in site.hosts if key in {"", site.name}]
    return {"rows": rows, "site": key}


def held(screen: Screen, key: str) -> Context:
    """Everything that waits: hosts for a person, copies for a seat, operations for a token."""
    return {}


def forecast(screen: Screen, key: str) -> Context | None:
    """If a datacenter is lost now; not said while Tocsin is blind or knows of no container, nor of
    one that is lost: what is to be done about that stands elsewhere."""
    if screen.blind or not screen.applications:
        return None
    bases, quotes = databases.loss_of_sites(screen), backups.quotes_of_sites(screen)
    found = [
        (site, bases.get(site.name, []), quotes.get(site.name))
        for site in scheduling.site_outlooks()
        if site.name not in screen.lost_sites
    ]
    return {"sites": found} if found else None


def lab(screen: Screen, key: str) -> Context | None:
    if not lab_controls.is_running():
        return None
    verbs = {verb: said.removesuffix(" of") for verb, said in lab_controls.HOST_VERBS.items()}
    return {"sites": screen.sites, "verbs": verbs}


def mail(screen: Screen, key: str) -> Context | None:
    """The newest letters of the lab's mailbox: what a person on call would have got."""
    if not lab_controls.is_running():
        return None
    return {"letters": newest_letters(Path(settings.VAR) / "mail")}


def processes(screen: Screen, key: str) -> Context | None:
    """Tocsin's own processes, as the supervisor wrote last; None where another one runs them."""
    status = State(Path(settings.VAR)).read_status()
    found = status.get("processes")
    if not isinstance(found, list):
        return None
    rows = [(each, _condition(each), _since(each)) for each in found]
    return {"rows": rows, "restarts": sum(each["restarts"] for each in found)}


def _since(process: Mapping[str, Any]) -> datetime | None:
    told = process.get("since")
    return datetime.fromisoformat(told) if told else None


def _condition(process: Mapping[str, Any]) -> tuple[str, str]:
    if process["is_up"]:
        return "", "up"
    return ("unknown", "starting") if process["pid"] else ("down", "down")


def application_voice(screen: Screen, key: str) -> Context | None:
    found = next((a for a in screen.applications if a.name == key), None)
    return {"app": found, "service": screen.services.get(key)} if found else None


def application_month(screen: Screen, key: str) -> Context | None:
    """What this month's outages are counted from, and what nobody measured."""
    if not any(one.name == key for one in screen.applications):
        return None
    return {"stretches": month_of_application(key, clock.system.now())}


def application_seats(screen: Screen, key: str) -> Context | None:
    return {"seats": inventory.seats_of_application(key), "by": "host"}


def host_voice(screen: Screen, key: str) -> Context | None:
    cell = _cell(screen, key)
    row = inventory.find_host(key)
    if cell is None or row is None:
        return None
    since = host_deaf_since(row.pk) if row.verdict == Verdict.ALIVE else None
    return {"cell": cell, "host": row, "deaf": deaf(since) if since else ""}


def host_seats(screen: Screen, key: str) -> Context | None:
    return {"seats": inventory.seats_of_host(key), "by": "application"}


def host_operations(screen: Screen, key: str) -> Context | None:
    rows = operations.operations_of_host(key)
    return {"rows": rows} if rows else None


def host_acts(screen: Screen, key: str) -> Context | None:
    cell = _cell(screen, key)
    if cell is None or not screen.may(May.CORDON):
        return None
    return {"cell": cell, "lab": lab_controls.is_running() and screen.may(May.LAB)}


def _cell(screen: Screen, name: str) -> HostCell | None:
    return next((h for site in screen.sites for h in site.hosts if h.name == name), None)
