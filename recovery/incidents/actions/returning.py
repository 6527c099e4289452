"""What was over and is back, what it hurts, and who has it still (`flapping`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import Q

from recovery.audit.facts import Actor
from recovery.incidents import flapping, queries
from recovery.incidents.actions.story import NOBODYS, Line, let_go, move
from recovery.incidents.facts import UNRESOLVED, IncidentState, NewMember
from recovery.incidents.flapping import RETURNED
from recovery.incidents.models import Incident


def same_incident(domain: str, now: datetime) -> Incident | None:
    """What a happening in this domain belongs to: what is not over, else what just was."""
    lately = Q(state__in=UNRESOLVED) | Q(resolved_at__gte=now - flapping.POLICY.window)
    rows = Incident.objects.select_for_update().filter(lately, domain=domain)
    found = sorted(rows, key=lambda one: (one.state in UNRESOLVED, one.opened_at), reverse=True)
    if not found or found[0].state in UNRESOLVED:
        return next(iter(found), None)
    return None if flapping.refuse_same(domain, queries.over(found[0]), now) else found[0]


def return_incident(
    incident: Incident,
    said: Mapping[str, object],
    members: Sequence[NewMember],
    happened_at: datetime,
    *,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Incident:
    """It was over and is back: its clocks begin with what lasts, its story has what was before.
    Who took it has it still, unless it is more now."""
    anew = flapping.refuse_quiet(
        incident.acknowledged_at, queries.unknown_of(incident, members), now
    )
    times, first = queries.times_of(incident)
    return move(
        incident,
        IncidentState.OPEN if anew else IncidentState.ACKNOWLEDGED,
        {
            **said,
            "happened_at": happened_at,
            "opened_at": now,
            "mitigated_at": None,
            "resolved_at": None,
            **(NOBODYS if anew else {}),
        },
        line=Line(
            RETURNED,
            f"{incident} is back, {flapping.say_times(times + 1, first, happened_at)}:"
            f" {said['title']}",
            happened_at=happened_at,
            tone="down",
        ),
        actor=actor,
        reason=reason,
        now=now,
    )


def take_back(*, incident: Incident, actor: Actor, reason: str, now: datetime) -> Incident:
    """Who took it took what was before: nobody has it until somebody takes it anew."""
    said = f"{incident} rings anew: {incident.acknowledged_by} took it before"
    line = Line("rings anew", said, tone="down")
    return let_go(incident, NOBODYS, line=line, actor=actor, reason=reason, now=now)
