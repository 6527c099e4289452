"""The lines of a story: nothing in it is ever changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.incidents.facts import IncidentState
from recovery.incidents.models import Incident, TimelineEntry


def tell(
    *,
    incident: Incident,
    kind: str,
    said: str,
    happened_at: datetime,
    actor: Actor,
    now: datetime,
    why: str = "",
    tone: str = "",
) -> TimelineEntry:
    """Add a line to the story; nothing in it is ever changed."""
    return TimelineEntry.objects.create(
        incident=incident.whole,
        happened_at=happened_at,
        recorded_at=now,
        kind=kind,
        said=said[:300],
        why=why,
        actor=str(actor),
        tone=tone,
    )


def add_note(*, incident: Incident, text: str, actor: Actor, now: datetime) -> TimelineEntry:
    """A person's own words in the story, and in the audit log."""
    with transaction.atomic():
        transitions.amend(incident, {}, action="noted", actor=actor, reason=text, now=now)
        return tell(
            incident=incident, kind="note", said=text, happened_at=now, actor=actor, now=now
        )


@dataclass(frozen=True, slots=True)
class Line:
    """What the story says of a move; `happened_at` None: now."""

    kind: str
    said: str
    happened_at: datetime | None = None
    tone: str = ""


def move(
    incident: Incident,
    to: IncidentState,
    changes: Mapping[str, object],
    *,
    line: Line,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Incident:
    """The state, its entry, and its line."""
    with transaction.atomic():
        moved = transitions.move(incident, to, actor=actor, reason=reason, now=now, changes=changes)
        tell(
            incident=moved,
            kind=line.kind,
            said=line.said,
            why=reason,
            happened_at=line.happened_at or now,
            actor=actor,
            tone=line.tone,
            now=now,
        )
    return moved
