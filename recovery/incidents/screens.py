"""Incidents, their members and their story, as people see them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, OuterRef, Q, Subquery

from recovery.incidents.facts import UNRESOLVED, IncidentState
from recovery.incidents.flapping import OPENED, RETURNED, say_times
from recovery.incidents.models import Incident, Member, TimelineEntry


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An incident as a line of a list."""

    id: str
    number: int
    state: str
    domain: str
    title: str
    summary: str
    happened_at: datetime
    opened_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str
    mitigated_at: datetime | None
    resolved_at: datetime | None
    members: int
    hurt: int
    joined: int = 0
    """The number of the incident that it is a part of."""
    taken_parts: tuple[str, ...] = ()
    """Who took what turned out to be a part of it: of the whole that says nothing."""
    times: int = 1
    """How often it happened, with rests of minutes; its clocks are those of the last time."""
    first_at: datetime | None = None
    stands: bool = False
    """What caused it is not whole; else only what it hurt is not."""

    @property
    def again(self) -> str:
        """4th time in 12 min; empty where it happened once."""
        return say_times(self.times, self.first_at or self.happened_at, self.happened_at)

    @property
    def name(self) -> str:
        return f"INC-{self.number:04d}"

    @property
    def word(self) -> str:
        """Its state; of a part, whose part it is."""
        return f"part of INC-{self.joined:04d}" if self.joined else self.state

    @property
    def is_taken(self) -> bool:
        return self.acknowledged_at is not None

    @property
    def is_open(self) -> bool:
        """Something of it is still hurt."""
        return self.state in {IncidentState.OPEN, IncidentState.ACKNOWLEDGED}

    @property
    def tone(self) -> str:
        if self.state == IncidentState.MITIGATED:
            return "care"
        return "down" if self.is_open else ""


@dataclass(frozen=True, slots=True)
class MemberView:
    """Something that an incident is about, or hurts."""

    kind: str
    object_id: str
    name: str
    is_cause: bool
    since: datetime
    whole_at: datetime | None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the story, with both times."""

    id: int
    incident: int
    happened_at: datetime
    recorded_at: datetime
    kind: str
    said: str
    why: str
    actor: str
    tone: str


def unresolved_incidents() -> tuple[IncidentView, ...]:
    """Those that are not over, the ones that nobody has first, of these whose cause lasts, then the
    oldest: what came back and left something hurt stands behind what is lost now."""
    rows = _views(Incident.objects.filter(state__in=UNRESOLVED).order_by("number"))
    return tuple(sorted(rows, key=lambda i: (not i.is_open, i.is_taken, not i.stands, i.number)))


def recent_incidents(at_most: int = 100) -> tuple[IncidentView, ...]:
    """The newest first."""
    return tuple(_views(Incident.objects.order_by("-opened_at", "-number")[:at_most]))


def find_incident(number: int) -> Incident | None:
    return Incident.objects.filter(number=number).first()


def view_incident(number: int) -> IncidentView | None:
    return next(iter(_views(Incident.objects.filter(number=number))), None)


def _views(rows: object) -> list[IncidentView]:
    lines = TimelineEntry.objects.filter(incident=OuterRef("pk")).order_by()
    back = lines.filter(kind=RETURNED).values("incident").annotate(n=Count("pk")).values("n")
    opened = lines.filter(kind=OPENED).values("happened_at")[:1]
    annotated = rows.select_related("joined").annotate(  # type: ignore[attr-defined]
        n=Count("members"),
        broken=Count("members", filter=Q(members__whole_at=None)),
        causes=Count("members", filter=Q(members__whole_at=None, members__is_cause=True)),
        back=Subquery(back),
        first_at=Subquery(opened),
    )
    found = list(annotated)
    parts = _taken_parts([row.pk for row in found])
    return [
        IncidentView(
            id=str(row.pk),
            number=row.number,
            state=row.state,
            domain=row.domain,
            title=row.title,
            summary=row.summary,
            happened_at=row.happened_at,
            opened_at=row.opened_at,
            acknowledged_at=row.acknowledged_at,
            acknowledged_by=row.acknowledged_by,
            mitigated_at=row.mitigated_at,
            resolved_at=row.resolved_at,
            members=row.n,
            hurt=row.broken,
            stands=row.causes > 0,
            joined=row.joined.number if row.joined else 0,
            taken_parts=tuple(parts[row.pk]),
            times=1 + (row.back or 0),
            first_at=row.first_at,
        )
        for row in found
    ]


def _taken_parts(keys: Sequence[UUID]) -> dict[UUID, list[str]]:
    found: dict[UUID, list[str]] = defaultdict(list)
    rows = Incident.objects.filter(joined__in=keys).exclude(acknowledged_by="")
    for row in rows.order_by("number"):
        if row.joined_id is not None:
            found[row.joined_id].append(f"{row.acknowledged_by} took {row}, a part of it")
    return found


def members_of(numbers: Sequence[int]) -> tuple[MemberView, ...]:
    """Causes first, then what is still hurt, then by name."""
    rows = Member.objects.filter(incident__number__in=numbers)
    views = [MemberView(m.kind, m.object_id, m.name, m.is_cause, m.since, m.whole_at) for m in rows]
    return tuple(sorted(views, key=lambda m: (not m.is_cause, m.whole_at is not None, m.name)))


def timeline_of(numbers: Sequence[int], at_most: int = 200) -> tuple[Line, ...]:
    """The newest lines first."""
    rows = TimelineEntry.objects.filter(incident__number__in=numbers).select_related("incident")
    return tuple(_line(row) for row in rows.order_by("-happened_at", "-id")[:at_most])


def latest_lines(at_most: int = 6) -> tuple[Line, ...]:
    """The last things that happened, in whichever incident."""
    rows = TimelineEntry.objects.select_related("incident").order_by("-happened_at", "-id")
    return tuple(_line(row) for row in rows[:at_most])


def _line(row: TimelineEntry) -> Line:
    return Line(
        id=row.pk,
        incident=row.incident.number,
        happened_at=row.happened_at,
        recorded_at=row.recorded_at,
        kind=row.kind,
        said=row.said,
        why=row.why,
        actor=row.actor,
        tone=row.tone,
    )
