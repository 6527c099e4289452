"""What is seen at the edge of one service."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from recovery.drp.leading import ApplicationLed, DatabaseLed
from recovery.inventory.facts import DatabaseState, PlacementState
from recovery.inventory.models import Application, Database, Placement, WriteProbe
from recovery.traffic.queries import current_routes, live_answer


def application_led(pk: UUID, now: datetime) -> ApplicationLed:
    """Its route, and what its users got."""
    row = Application.objects.get(pk=pk)
    route = next(iter(current_routes(pk)), None)
    live = live_answer(pk, now)
    return ApplicationLed(
        name=row.name,
        copies=row.copies,
        servers=route.servers if route else (),
        is_kept=route.kept if route else False,
        answers=live.state,
        rate=live.answer_rate,
    )


def database_led(pk: UUID) -> DatabaseLed:
    """Its door, its primary, and the newest word of who writes there."""
    row = Database.objects.select_related("primary__host__datacenter").get(pk=pk)
    probe = WriteProbe.objects.filter(database=row).first()
    host = row.primary.host if row.primary else None
    failing = f"since {probe.failing_since:%H:%M:%S}" if probe and probe.failing_since else ""
    return DatabaseLed(
        name=row.name,
        host=host.name if host else "",
        site=host.datacenter.name if host else "",
        is_open=row.state == DatabaseState.SERVING and row.routed_epoch == row.epoch,
        has_door=row.edge_port is not None,
        opened=row.routed_at,
        seen=probe.at if probe else None,
        acked=probe.last_ack_at if probe else None,
        failing=failing,
    )


def led_before(pk: UUID, site: str) -> str:
    """Where the copies of an application sat in the datacenter that is left."""
    rows = Placement.objects.filter(
        application=pk, state=PlacementState.LOST, host__datacenter__name=site
    )
    seats = rows.select_related("host").order_by("container__ordinal", "generation")
    return ", ".join(f"{seat.host.name}:{seat.port}" for seat in seats)
