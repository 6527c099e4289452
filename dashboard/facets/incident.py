"""The panels of one incident: who did it, whom it hurts, how long it took, who was told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.facets.needs import needs_of
from dashboard.facets.stopwatch import Span, clock_phases
from dashboard.needs import Need, needs_about
from dashboard.screen import Screen
from dashboard.sentence import count
from recovery.alarms import screens as alarm_rows
from recovery.detection import screens as detection
from recovery.detection.screens import HypothesisView
from recovery.incidents import screens as incident_rows
from recovery.incidents.screens import IncidentView, MemberView
from recovery.inventory import moves as moved
from recovery.inventory import screens as inventory
from recovery.inventory.screens import HostCell

Context = Mapping[str, Any]


def _incident(key: str) -> IncidentView | None:
    return incident_rows.view_incident(int(key)) if key.isdigit() else None


def incident_voice(screen: Screen, key: str) -> Context | None:
    incident = _incident(key)
    return {"incident": incident} if incident else None


def incident_next(screen: Screen, key: str) -> Context | None:
    incident = _incident(key)
    if incident is None or incident.resolved_at is not None:
        return None
    return {"incident": incident, "needs": _needs(screen, incident)}


def _needs(screen: Screen, incident: IncidentView) -> tuple[Need, ...]:
    """What waits for a person about what it hurts: its members, their containers, their site."""
    members = incident_rows.members_of([incident.number])
    names = {f"{member.kind}:{member.name}" for member in members}
    apps = {member.name for member in members if member.kind == "application"}
    names |= {f"container:{o.container}" for o in screen.unseated if o.application in apps}
    names |= {f"site:{name}" for name in _sites(screen, incident)}
    return needs_about(needs_of(screen), *names)


def _sites(screen: Screen, incident: IncidentView) -> frozenset[str]:
    """The datacenters that this incident is about, where they look lost or are behind a fence."""
    wanted = {*screen.lost_sites, *(one.site for one in screen.behind)}
    if not wanted:
        return frozenset()
    causes = {m.name for m in incident_rows.members_of([incident.number]) if m.is_cause}
    found = (site for site in screen.sites if site.name in wanted)
    return frozenset(s.name for s in found if causes & {host.name for host in s.hosts})


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
    """One answer to "whose failure is it?", with what speaks for it, against it, and is missing."""

    question: str
    answer: str
    supporting: tuple[str, ...]
    opposing: tuple[str, ...]
    missing: tuple[str, ...]
    is_guilty: bool


QUESTIONS = {
    "blind": "Tocsin itself?",
    "partition": "A cut in the network?",
    "region": "Region {}?",
    "datacenter": "Datacenter {}?",
    "rack": "Rack {}?",
    "host": "Host {}?",
}
LIKELY = 0.3
"""Below it the answer is no."""


def incident_suspects(screen: Screen, key: str) -> Context | None:
    """The hypotheses of detection, ranked there, beside what the rows say of rack and site."""
    incident = _incident(key)
    if incident is None:
        return None
    causes = [m.name for m in incident_rows.members_of([incident.number]) if m.is_cause]
    found = detection.hypotheses_of(incident.number)
    suspects = [_suspect(one, rank == 0, len(causes)) for rank, one in enumerate(found)]
    suspects += _places(screen, causes, {one.scope for one in found})
    evidence = [host for name in causes[:20] if (host := inventory.find_host(name))]
    if not suspects and not evidence:
        return None
    return {"suspects": suspects, "evidence": evidence, "unlocks": found[:1]}


def _suspect(one: HypothesisView, is_first: bool, hosts: int) -> Suspect:
    question = QUESTIONS[one.scope].format(one.domain)
    if one.scope == "host" and hosts > 1:
        question = "Each host by itself?"
    guilty = is_first and one.score >= LIKELY
    answer = "Yes" if guilty else "Perhaps" if one.score >= LIKELY else "No"
    return Suspect(question, answer, one.supporting, one.opposing, one.missing, guilty)


def _places(screen: Screen, causes: list[str], said: set[str]) -> list[Suspect]:
    """Rack and datacenter of the first cause, where detection did not speak of them."""
    for site in screen.sites:
        for rack in site.racks:
            if any(host.name in causes for host in rack.hosts):
                among = (("rack", rack.name, rack.hosts), ("datacenter", site.name, site.hosts))
                return [_place(*one) for one in among if one[0] not in said]
    return []


def _place(scope: str, name: str, hosts: tuple[HostCell, ...]) -> Suspect:
    alive = sum(host.verdict == "alive" for host in hosts)
    why = f"{alive} of {count(len(hosts), 'host')} {'answers' if alive == 1 else 'answer'}"
    answer = "No" if alive else "Perhaps"
    return Suspect(QUESTIONS[scope].format(name), answer, (), (why,), (), False)


def incident_phases(screen: Screen, key: str) -> Context | None:
    """From loss to service with a stopwatch, and where each container went."""
    incident = _incident(key)
    if incident is None:
        return None
    causes = [m for m in incident_rows.members_of([incident.number]) if m.is_cause]
    hosts = [m.name for m in causes if m.kind == "host"]
    if not hosts:
        return None
    moves = moved.moves_from(hosts, incident.happened_at, incident.resolved_at)
    spans = [Span(move.planned_at, move.running_at) for move in moves]
    whole = incident.mitigated_at is not None
    watch = clock_phases(incident.happened_at, incident.opened_at, spans, is_over=whole)
    return {"watch": watch, "moves": moves, "incident": incident}


def incident_told(screen: Screen, key: str) -> Context | None:
    """Who was told, by which way, and whether it arrived."""
    found = alarm_rows.deliveries_of(int(key)) if key.isdigit() else ()
    return {"rows": found} if found else None


def incident_lines(screen: Screen, key: str) -> Context | None:
    if not key.isdigit():
        return None
    return {"lines": incident_rows.timeline_of([int(key)]), "of": int(key)}
