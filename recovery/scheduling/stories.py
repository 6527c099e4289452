"""What scheduling adds to the stories of incidents, in the transaction of what it tells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from recovery.audit.facts import Actor
from recovery.incidents import actions as incidents
from recovery.incidents.facts import UNRESOLVED, MemberKind
from recovery.incidents.models import Incident, Member
from recovery.inventory.models import Container, Placement

NAMED = 6
"""Containers named in one line; the rest is counted."""


def tell_placed(
    *, seats: Sequence[Placement], suspected: Collection[UUID], actor: Actor, now: datetime
) -> None:
    """Which containers were given a seat where; told apart are those on suspicion alone
    (`suspected`), and those beside an old seat that is moved from."""
    groups: dict[str, list[Placement]] = defaultdict(list)
    for seat in seats:
        ahead = "placed ahead" if seat.pk in suspected else "placed beside"
        groups[ahead if seat.provisional else "placed"].append(seat)
    for kind, group in groups.items():
        _tell_seats(group, kind, PLACED[kind], actor=actor, happened_at=now, now=now)


def tell_confirmed(
    *, seats: Sequence[Placement], moved: Collection[UUID], actor: Actor, now: datetime
) -> None:
    """Seats begun on suspicion count from now on: told with the instant of their beginning,
    because before the verdict there was no story to tell it in. Those of a move (`moved`) take
    over now, for the new one answers."""
    ahead = [seat for seat in seats if seat.pk not in moved]
    if ahead:
        began = min(seat.planned_at for seat in ahead)
        _tell_seats(ahead, "confirmed", _began_ahead, actor=actor, happened_at=began, now=now)
    if over := [seat for seat in seats if seat.pk in moved]:
        _tell_seats(over, "took over", _took_over, actor=actor, happened_at=now, now=now)


def tell_holds(*, held: Mapping[tuple[str, int], str], actor: Actor, now: datetime) -> None:
    """Containers that get no seat now, each with its reason."""
    stories = _stories({UUID(application) for application, _ in held})
    names = _names({UUID(application) for application, _ in held})
    for (application, ordinal), reason in sorted(held.items()):
        if incident := stories.get(UUID(application)):
            incidents.tell(
                incident=incident,
                kind="held",
                said=f"{names[UUID(application)]}-{ordinal} waits: {reason}",
                happened_at=now,
                actor=actor,
                tone="risk",
                now=now,
            )


def tell_release(*, placement: Placement, actor: Actor, reason: str, now: datetime) -> None:
    """A person vouches that this seat does not run."""
    if incident := _stories({placement.application_id}).get(placement.application_id):
        incidents.tell(
            incident=incident,
            kind="released",
            said=f"{actor.id} says that {placement.container} does not run on "
            f"{placement.host} any more",
            why=reason,
            happened_at=now,
            actor=actor,
            now=now,
        )


def _tell_seats(
    seats: Sequence[Placement],
    kind: str,
    say: Callable[[int, str], str],
    *,
    actor: Actor,
    happened_at: datetime,
    now: datetime,
) -> None:
    stories = _stories({seat.application_id for seat in seats})
    by_story: dict[Incident, list[Placement]] = defaultdict(list)
    for seat in seats:
        if incident := stories.get(seat.application_id):
            by_story[incident].append(seat)
    places = _places([seat.pk for group in by_story.values() for seat in group])
    for incident, group in by_story.items():
        where = sorted(places[seat.pk] for seat in group)
        more = f" and {len(where) - NAMED} more" if len(where) > NAMED else ""
        incidents.tell(
            incident=incident,
            kind=kind,
            said=say(len(where), ", ".join(where[:NAMED]) + more),
            why="No two of one application on one host." if kind == "placed" else "",
            happened_at=happened_at,
            actor=actor,
            now=now,
        )


def _placed(many: int, where: str) -> str:
    return f"{_containers(many)} placed: {where}"


def _placed_ahead(many: int, where: str) -> str:
    return f"{_containers(many)} placed ahead, on suspicion: {where}"


def _placed_beside(many: int, where: str) -> str:
    return f"{_containers(many)} placed beside the old one, which is moved from: {where}"


PLACED: Mapping[str, Callable[[int, str], str]] = {
    "placed": _placed,
    "placed ahead": _placed_ahead,
    "placed beside": _placed_beside,
}


def _took_over(many: int, where: str) -> str:
    return f"{_containers(many)} took over: {where}"


def _began_ahead(many: int, where: str) -> str:
    return f"{_containers(many)} begun while it was only suspected: {where}"


def _containers(many: int) -> str:
    return f"{many} container{'' if many == 1 else 's'}"


def _stories(applications: Collection[UUID]) -> Mapping[UUID, Incident]:
    """The newest unresolved incident that hurts each of these applications."""
    rows = (
        Member.objects.filter(
            kind=MemberKind.APPLICATION,
            object_id__in=[str(pk) for pk in applications],
            incident__state__in=sorted(UNRESOLVED),
        )
        .select_related("incident")
        .order_by("incident__opened_at", "incident__number")
    )
    return {UUID(row.object_id): row.incident for row in rows}


def _places(seats: Collection[UUID]) -> Mapping[UUID, str]:
    """ "shop-2 on osu2-a1", one query for all of them."""
    rows = Placement.objects.filter(pk__in=seats).values_list(
        "pk", "application__name", "container__ordinal", "host__name"
    )
    return {pk: f"{application}-{ordinal} on {host}" for pk, application, ordinal, host in rows}


def _names(applications: Collection[UUID]) -> Mapping[UUID, str]:
    rows = Container.objects.filter(application__in=applications)
    return dict(rows.values_list("application_id", "application__name"))
