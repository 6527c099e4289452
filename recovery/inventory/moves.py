"""Containers that moved because their hosts were gone, as people see them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from recovery.inventory.models import Placement


@dataclass(frozen=True, slots=True)
class Move:
    """A container that got a new seat because its host was gone."""

    container: str
    application: str
    was: str
    now: str
    planned_at: datetime
    running_at: datetime | None


def moves_from(hosts: Iterable[str], since: datetime, until: datetime | None) -> tuple[Move, ...]:
    """Seats that took the place of one on these hosts, in the order of their planning."""
    rows = Placement.objects.filter(
        replaces__host__name__in=list(hosts), planned_at__gte=since
    ).select_related("application", "container__application", "host", "replaces__host")
    if until is not None:
        rows = rows.filter(planned_at__lte=until)
    return tuple(
        Move(
            container=str(row.container),
            application=row.application.name,
            was=row.replaces.host.name if row.replaces else "",
            now=row.host.name,
            planned_at=row.planned_at,
            running_at=row.running_at,
        )
        for row in rows.order_by("planned_at", "application__name", "container__ordinal")[:200]
    )
