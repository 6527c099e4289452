"""The prober as it is shipped: real edge, real rows."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from recovery.core import clock
from recovery.traffic import queries
from recovery.traffic.facts import EdgePolicy, OutageState, Route
from recovery.traffic.models import Outage, Pulse
from recovery.traffic.prober_run import run_prober
from recovery.traffic.traefik import configuration
from tests.actions.scheduling.fleet import application
from tests.adapters.traffic.edge import Edge, answering, running_edge
from tests.support.databases import Database


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
        asyncio.run(_outage_of(edge, good, closed, seconds=3.0))
    (outage,) = Outage.objects.all()
    assert outage.state == OutageState.ENDED
    assert outage.ended_at is not None
    assert 2.0 < (outage.ended_at - outage.started_at).total_seconds() < 4.5
    assert Pulse.objects.get().last == "yes"
    assert 2.0 < queries.standings(clock.system.now())[shop.pk].used < 4.5


async def _outage_of(edge: Edge, good: str, closed: str, *, seconds: float) -> None:
    """Good, then closed for so long, then good again, while the prober runs."""
    edge.tell(configuration([Route("shop", (good,), "/healthz")], EdgePolicy()))
    await asyncio.to_thread(edge.wait_for, "/app/shop/")
    stop = asyncio.Event()
    running = asyncio.create_task(run_prober(edge=edge.url, clock=clock.system, stop=stop))
    for server in (good, closed, good):
        edge.tell(configuration([Route("shop", (server,), "/healthz")], EdgePolicy()))
        await asyncio.sleep(seconds)
    stop.set()
    await running
