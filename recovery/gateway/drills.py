"""The drills' door: a drill host shows its token, reports, and is told its list.

Invariants: who comes in here is no host of the inventory, and nothing that it says reaches what
watches or moves production; who comes with a host's identity, or with no token, is not let in.
"""

from __future__ import annotations

import structlog
from django.db import DatabaseError
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from recovery.core import wire
from recovery.core.errors import BadMessage, TocsinError
from recovery.core.wire.drills import decode_report
from recovery.drp.drills.actions import hear_drill_host, know_drill_host
from recovery.drp.drills.models import DrillHost
from recovery.gateway.state import State

log = structlog.get_logger()
BEARER = "Bearer "


async def serve_drill_host(socket: ServerConnection, state: State) -> None:
    """One drill host, until it goes. Its token is looked at anew with every report: one that was
    replaced opens nothing any more."""
    shown = socket.request.headers.get("Authorization", "") if socket.request else ""
    token = shown.removeprefix(BEARER)
    try:
        async for text in socket:
            await _hear(socket, state, token, text)
    except TocsinError as refusal:
        state.counters[f"refused_drill_{refusal.field or 'host'}"] += 1
        log.warning("drill host refused", reason=str(refusal), peer=socket.remote_address)
        await socket.close(1008, "refused")
    except ConnectionClosed:
        pass
    except DatabaseError as error:
        log.warning("rows are away", error=str(error))
        await socket.close(1013, "try again later")


async def _hear(socket: ServerConnection, state: State, token: str, text: str | bytes) -> None:
    host: DrillHost = await state.rows(know_drill_host, token)
    try:
        report = decode_report(text)
    except BadMessage as error:
        state.counters["bad_drill_reports"] += 1
        log.warning("no report", host=str(host), reason=str(error))
        return
    told = await state.rows(hear_drill_host, host=host.pk, report=report, now=state.clock.now())
    if told is not None:
        await socket.send(wire.encode(told))
