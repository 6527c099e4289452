"""The prober as it is shipped: real edge, real rows."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.db.models import QuerySet

from recovery.traffic import queries
from recovery.traffic.facts import EdgePolicy, OutageState, Route
from recovery.traffic.models import Outage, Pulse
from recovery.traffic.prober import PATIENCE
from recovery.traffic.prober_run import run_prober
from recovery.traffic.traefik import configuration
from tests.actions.scheduling.fleet import application
from tests.adapters.traffic.edge import Edge, answering, running_edge
from tests.support.clocks.steady import steady
from tests.support.databases import Database
from tests.support.waiting import until

FLIGHT = timedelta(seconds=PATIENCE)
"""By as much a probe may have been sent before its container closed, and meet the closed one."""


def test_an_outage_is_in_the_rows_with_its_seconds(
    fresh_database: Database, tmp_path: Path
) -> None:
    shop = application("shop")
    with (
        running_edge(tmp_path) as edge,
        answering(b"good") as (good, _, _),
        socket.socket() as port,
    ):
        port.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{port.getsockname()[1]}"
        closed_at, seen, open_at = asyncio.run(_outage_of(edge, good, closed))
    answered = steady.now()
    (outage,) = Outage.objects.all()
    assert outage.state == OutageState.ENDED
    assert outage.ended_at is not None
    assert closed_at - FLIGHT <= outage.started_at <= seen
    assert open_at <= outage.ended_at <= answered
    assert Pulse.objects.get().last == "yes"
    used = queries.standings(steady.now())[shop.pk].used
    assert used == pytest.approx((outage.ended_at - outage.started_at).total_seconds())


async def _outage_of(edge: Edge, good: str, closed: str) -> tuple[datetime, datetime, datetime]:
    """Good, then closed for a while, then good again, while the prober runs; when it was closed,
    when its outage stood in the rows, when it was good again."""

    def lead(server: str) -> datetime:
        edge.tell(configuration([Route("shop", (server,), "/healthz")], EdgePolicy()))
        return steady.now()

    lead(good)
    await asyncio.to_thread(edge.wait_for, "/app/shop/")
    stop = asyncio.Event()
    running = asyncio.create_task(run_prober(edge=edge.url, clock=steady, stop=stop))
    await until(_stands(Pulse.objects.filter(last="yes")))
    closed_at = lead(closed)
    await until(_stands(Outage.objects.all()))
    seen = steady.now()
    await asyncio.sleep(1.0)
    open_at = lead(good)
    await until(_stands(Outage.objects.filter(state=OutageState.ENDED)))
    await until(_stands(Pulse.objects.filter(last="yes")))
    stop.set()
    await running
    return closed_at, seen, open_at


def _stands(rows: QuerySet[Any]) -> Callable[[], Awaitable[bool]]:
    stands: Callable[[], Awaitable[bool]] = database_sync_to_async(rows.exists)
    return stands
