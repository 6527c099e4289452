"""Operations as people see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recovery.operations.facts import OperationState
from recovery.operations.models import Operation


@dataclass(frozen=True, slots=True)
class Held:
    """An operation that the governor does not hand out, and why."""

    id: str
    verb: str
    container: str
    host: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class OperationView:
    """An order with what became of it. `container`: the seat's, or the replica's name;
    `generation`: the seat's, or the replica's database epoch."""

    id: str
    verb: str
    state: str
    container: str
    host: str
    generation: int
    reason: str
    detail: str
    requested_at: datetime
    intended_at: datetime | None
    handed_at: datetime | None
    ended_at: datetime | None

    @property
    def tone(self) -> str:
        if self.state in {OperationState.FAILED, OperationState.REFUSED}:
            return "risk"
        return "unknown" if self.state == OperationState.UNKNOWN else ""


def held_operations(at_most: int = 500) -> tuple[Held, ...]:
    """What waits for the governor with a written reason, the longest first."""
    rows = (
        Operation.objects.filter(state=OperationState.WAITING)
        .exclude(held_reason="")
        .select_related("host", "placement__container__application", "replica__database")
        .order_by("requested_at", "pk")
    )
    return tuple(
        Held(
            id=str(row.pk),
            verb=row.verb,
            container=_subject(row),
            host=row.host.name,
            reason=row.held_reason,
            since=row.requested_at,
        )
        for row in rows[:at_most]
    )


def operations_of_host(name: str, at_most: int = 30) -> tuple[OperationView, ...]:
    """The newest first."""
    rows = (
        Operation.objects.filter(host__name=name)
        .select_related("host", "placement__container__application", "replica__database")
        .order_by("-requested_at", "pk")
    )
    return tuple(
        OperationView(
            id=str(row.pk),
            verb=row.verb,
            state=row.state,
            container=_subject(row),
            host=row.host.name,
            generation=row.placement.generation if row.placement else row.database_epoch,
            reason=row.held_reason,
            detail=row.detail,
            requested_at=row.requested_at,
            intended_at=row.intended_at,
            handed_at=row.handed_at,
            ended_at=row.ended_at,
        )
        for row in rows[:at_most]
    )


def _subject(row: Operation) -> str:
    return str(row.placement.container if row.placement else row.replica)
