"""What detection adds to the stories of incidents, in the transaction of what it tells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from recovery.audit.facts import Actor
from recovery.detection import queries, telling
from recovery.detection.facts import DOWN, VerdictChange
from recovery.detection.models import Situation
from recovery.detection.telling import Line
from recovery.incidents import actions as incidents
from recovery.incidents.models import Incident
from recovery.inventory.facts import Verdict
from recovery.inventory.models import Host

STILL = frozenset({*DOWN, Verdict.ISOLATED, Verdict.AGENT_DOWN})
"""Verdicts that begin with a heartbeat that does not come."""


def hold_stories(rows: Sequence[Situation]) -> None:
    """Their incidents, before their alarms end: a person may be taking them just now."""
    held = incidents.hold_incidents([row.incident_id for row in rows if row.incident_id])
    for row in rows:
        if row.incident_id:
            row.incident = held[row.incident_id]


def tell_verdicts(*, written: Sequence[VerdictChange], actor: Actor, now: datetime) -> None:
    """Lines in the incident's story for what is new of one of its hosts: when it fell silent,
    what is believed of it and why, and whether its containers wait for a person."""
    if not written:
        return
    names = queries.host_names([change.host for change in written])
    stories = queries.stories_of([change.host for change in written])
    for change in written:
        if incident := stories.get(change.host):
            _tell_change(incident, names[change.host], change, actor=actor, now=now)


def _tell_change(
    incident: Incident, name: str, change: VerdictChange, *, actor: Actor, now: datetime
) -> None:
    lines = [("grant", telling.tell_grant(name, change), now)]
    if change.before is not change.after:
        lines.insert(0, ("verdict", telling.tell_verdict(name, change), now))
        if change.before is Verdict.SUSPECT and change.after in STILL:
            silent = Line(telling.tell_silence(name), "")
            lines.insert(0, ("silent", silent, now - timedelta(seconds=change.silence)))
    for kind, line, happened_at in lines:
        if line is not None:
            incidents.tell(
                incident=incident,
                kind=kind,
                said=line.said,
                why=line.why,
                happened_at=happened_at,
                actor=actor,
                now=now,
                tone=line.tone,
            )


def tell_release(hosts: Sequence[Host], reason: str, *, actor: Actor, now: datetime) -> None:
    """One line a story: who let which hosts' containers be replaced."""
    stories = queries.stories_of([host.pk.hex for host in hosts])
    by_story: dict[Incident, list[str]] = defaultdict(list)
    for host in hosts:
        if incident := stories.get(host.pk.hex):
            by_story[incident].append(host.name)
    for incident, names in by_story.items():
        incidents.tell(
            incident=incident,
            kind="released",
            said=f"{actor.id} released {', '.join(names)}: their containers are replaced",
            why=reason,
            happened_at=now,
            actor=actor,
            now=now,
        )
