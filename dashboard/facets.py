"""What each panel shows: a screen and a key in, a template's context out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboard import lab as lab_controls
from dashboard.permissions import May
from dashboard.screen import Screen
from dashboard.sentence import count
from recovery.incidents import screens as incident_rows
from recovery.incidents.screens import IncidentView, MemberView
from recovery.inventory import screens as inventory
from recovery.inventory.screens import HostCell
from recovery.operations import screens as operations
from recovery.scheduling import screens as scheduling

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
    return {"incident": screen.first, "alarm": screen.alarm, "said": screen.sentence}


def next_action(screen: Screen, key: str) -> Context | None:
    """The one thing to do: take an incident, take an alarm, release what is held, or none."""
    open_ = [i for i in screen.incidents if i.is_open]
    waiting = next((i for i in open_ if not i.is_taken), None)
    loose = next((a for a in screen.ringing if a.incident is None), None)
    if waiting is None and loose is None and not screen.held and not open_:
        return None
    return {"waiting": waiting, "alarm": loose, "taken": open_[0] if open_ else None}


def hurt(screen: Screen, key: str) -> Context | None:
    if not screen.hurt:
        return None
    since = {m.name: m.since for m in _hurt_members(screen)}
    rows = [(a, since.get(a.name), screen.services.get(a.name)) for a in screen.hurt]
    return {"rows": rows}


def _hurt_members(screen: Screen) -> list[MemberView]:
    numbers = [i.number for i in screen.incidents if i.is_open]
    return [m for m in incident_rows.members_of(numbers) if m.whole_at is None] if numbers else []


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
    """If a datacenter is lost now; not said while Tocsin is blind or knows of no container."""
    if screen.blind or not screen.applications:
        return None
    return {"sites": scheduling.site_outlooks()}


def lab(screen: Screen, key: str) -> Context | None:
    if not lab_controls.is_running():
        return None
    return {"sites": screen.sites, "verbs": lab_controls.HOST_VERBS}


def _incident(key: str) -> IncidentView | None:
    return incident_rows.view_incident(int(key)) if key.isdigit() else None


def incident_voice(screen: Screen, key: str) -> Context | None:
    incident = _incident(key)
    return {"incident": incident} if incident else None


def incident_next(screen: Screen, key: str) -> Context | None:
    incident = _incident(key)
    if incident is None or not incident.is_open:
        return None
    return {"incident": incident}


def incident_members(screen: Screen, key: str) -> Context | None:
    if not key.isdigit():
        return None
    apps = {a.name: a for a in screen.applications}
    cells = {h.name: h for site in screen.sites for h in site.hosts}
    members = incident_rows.members_of([int(key)])
    rows = [_member(m, apps, cells) for m in members]
    return {"rows": rows, "counts": _counts(members)} if rows else None


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member with how it stands now."""

    member: MemberView
    what: str
    state: str
    word: str
    happens: str


def _member(
    member: MemberView,
    apps: Mapping[str, inventory.ApplicationView],
    cells: Mapping[str, HostCell],
) -> MemberRow:
    cause = ", cause of the incident" if member.is_cause else ""
    if member.kind == "application" and (app := apps.get(member.name)):
        what = count(app.copies, "container") + cause
        return MemberRow(member, what, app.state, app.word, app.happens)
    if member.kind == "host" and (cell := cells.get(member.name)):
        whole = member.whole_at is not None
        word = f"{cell.word}, replaced" if whole and cell.state == "down" else cell.word
        return MemberRow(member, f"host{cause}", "" if whole else cell.state, word, "")
    whole = member.whole_at is not None
    word = "whole" if whole else "hurt"
    return MemberRow(member, f"{member.kind}{cause}", "" if whole else "down", word, "")


def _counts(members: tuple[MemberView, ...]) -> str:
    kinds: dict[str, int] = {}
    for member in members:
        kinds[member.kind] = kinds.get(member.kind, 0) + 1
    return ", ".join(count(n, kind) for kind, n in kinds.items())


@dataclass(frozen=True, slots=True)
class Suspect:
    """One answer to "whose failure is it?"."""

    question: str
    answer: str
    why: str
    is_guilty: bool


def incident_suspects(screen: Screen, key: str) -> Context | None:
    """Tocsin, the datacenter, the rack, the host: what the rows say of each."""
    incident = _incident(key)
    if incident is None:
        return None
    causes = [m for m in incident_rows.members_of([incident.number]) if m.is_cause]
    cells = [
        (site, rack, host)
        for site in screen.sites
        for rack in site.racks
        for host in rack.hosts
        if host.name in {m.name for m in causes}
    ]
    kind = incident.domain.partition(":")[0]
    suspects = [_tocsin(screen, kind)]
    if cells:
        site, rack, _ = cells[0]
        suspects.append(_place(f"Datacenter {site.name}", site.hosts, kind == "datacenter"))
        suspects.append(_place(f"Rack {rack.name}", rack.hosts, kind == "rack"))
    suspects += [_host(host, kind) for _, _, host in cells[:1]]
    evidence = [host for name in (m.name for m in causes) if (host := inventory.find_host(name))]
    return {"suspects": suspects, "evidence": evidence[:20]} if cells else None


def _tocsin(screen: Screen, kind: str) -> Suspect:
    hosts = [host for site in screen.sites for host in site.hosts]
    alive = sum(host.verdict == "alive" for host in hosts)
    guilty = kind == "control"
    answer = "Yes, blind" if guilty else "No"
    return Suspect("Tocsin itself?", answer, f"{alive} of {len(hosts)} hosts report.", guilty)


def _place(name: str, hosts: tuple[HostCell, ...], guilty: bool) -> Suspect:
    alive = sum(host.verdict == "alive" for host in hosts)
    why = f"{alive} of {count(len(hosts), 'host')} {'answers' if alive == 1 else 'answer'}."
    return Suspect(f"{name}?", "Yes" if guilty else "No", why, guilty)


def _host(host: HostCell, kind: str) -> Suspect:
    row = inventory.find_host(host.name)
    guilty = kind == "host"
    return Suspect(
        f"Host {host.name}?",
        f"Yes, {host.verdict}" if guilty else host.verdict,
        row.verdict_reason if row else "",
        guilty,
    )


def incident_lines(screen: Screen, key: str) -> Context | None:
    if not key.isdigit():
        return None
    return {"lines": incident_rows.timeline_of([int(key)]), "of": int(key)}


def application_voice(screen: Screen, key: str) -> Context | None:
    found = next((a for a in screen.applications if a.name == key), None)
    return {"app": found, "service": screen.services.get(key)} if found else None


def application_seats(screen: Screen, key: str) -> Context | None:
    return {"seats": inventory.seats_of_application(key), "by": "host"}


def host_voice(screen: Screen, key: str) -> Context | None:
    cell = _cell(screen, key)
    row = inventory.find_host(key)
    return {"cell": cell, "host": row} if cell and row else None


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
