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


NOBODYS: Mapping[str, object] = {"acknowledged_at": None, "acknowledged_by": ""}


def move_from(
    seen: IncidentState,
    incident: Incident,
    to: IncidentState,
    changes: Mapping[str, object],
    *,
    line: Line,
    why: str | None = None,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Incident:
    """A move where it is in that state; in any other it stays there, with the same changes and the
    same line."""
    if incident.state == seen:
        return move(incident, to, changes, line=line, why=why, actor=actor, reason=reason, now=now)
    with transaction.atomic():
        amended = transitions.amend(
            incident, changes, action=line.kind, actor=actor, reason=reason, now=now
        )
        _tell_line(amended, line, why=reason if why is None else why, actor=actor, now=now)
    return amended


def let_go(
    incident: Incident,
    changes: Mapping[str, object],
    *,
    line: Line,
    why: str | None = None,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Incident:
    """With `changes`, it is nobody's: open again where somebody had it."""
    return move_from(
        IncidentState.ACKNOWLEDGED,
        incident,
        IncidentState.OPEN,
        changes,
        line=line,
        why=why,
        actor=actor,
        reason=reason,
        now=now,
    )


def move(
    incident: Incident,
    to: IncidentState,
    changes: Mapping[str, object],
    *,
    line: Line,
    why: str | None = None,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Incident:
    """The state, its entry, and its line; `why` None: for the same reason."""
    with transaction.atomic():
        moved = transitions.move(incident, to, actor=actor, reason=reason, now=now, changes=changes)
        _tell_line(moved, line, why=reason if why is None else why, actor=actor, now=now)
    return moved


def _tell_line(incident: Incident, line: Line, *, why: str, actor: Actor, now: datetime) -> None:
    tell(
        incident=incident,
        kind=line.kind,
        said=line.said,
        why=why,
        happened_at=line.happened_at or now,
        actor=actor,
        tone=line.tone,
        now=now,
    )
