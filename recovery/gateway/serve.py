"""The gateway process: datagrams in, agents' sockets, controllers' links, orders out.

It never decides. Killed, it costs sight for a moment, and no fact: everything that it knows is
heard again or read again.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.db import DatabaseError
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from recovery.audit.facts import Actor
from recovery.core import control, incarnations, wire
from recovery.core.clock import system
from recovery.gateway import queries
from recovery.gateway.databases import stamps_of
from recovery.gateway.decide import watches
from recovery.gateway.drills import serve_drill_host
from recovery.gateway.link import serve_controller
from recovery.gateway.metrics import metrics
from recovery.gateway.outside import Outside
from recovery.gateway.queries import Errand
from recovery.gateway.renewals import Renewals
from recovery.gateway.sessions import serve_agent, tell_desired
from recovery.gateway.state import State
from recovery.gateway.witnesses import OFFER_SECONDS, offer_checkpoint
from recovery.operations.actions import hand_operations

log = structlog.get_logger()

DISPATCH_SECONDS = 0.1
WATCH_SECONDS = 1.0
KEYS_SECONDS = 5.0
DATABASES_SECONDS = 0.3
RESEND_AFTER = timedelta(seconds=3)
"""An order without an outcome is sent again; the agent's journal makes that harmless."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the gateway listens. `secret` is what controllers show on their link; `outside`: its
    door for agents on other machines, if it has one."""

    name: str
    host: str
    port: int
    public: str
    secret: str
    back_door: int = 0
    outside: Outside | None = None


async def run_gateway(settings: Settings) -> None:
    """Serve until cancelled."""
    state = State(
        name=settings.name,
        clock=system,
        heartbeat_to=f"{settings.public}:{settings.port}",
        secret=settings.secret,
        back_door=settings.back_door,
        started=system.monotonic(),
    )
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: Datagrams(state), local_addr=(settings.host, settings.port)
    )
    route = _route(state)
    try:
        async with (
            contextlib.AsyncExitStack() as doors,
            serve(
                route,
                settings.host,
                settings.port,
                process_request=_admit(state),
                max_size=wire.MAX_FRAME,
                ping_interval=5,
                ping_timeout=5,
            ),
        ):
            log.info("gateway listens", address=settings.host, port=settings.port)
            if settings.outside is not None:
                outside = await doors.enter_async_context(await settings.outside.open(route))
                log.info("gateway listens outside", at=str(outside.sockets))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_every(KEYS_SECONDS, _learn_keys, state))
                tasks.create_task(_every(WATCH_SECONDS, _set_watches, state))
                tasks.create_task(_every(DATABASES_SECONDS, _watch_databases, state))
                tasks.create_task(_every(DATABASES_SECONDS, _watch_rows, state))
                tasks.create_task(_every(OFFER_SECONDS, offer_checkpoint, state))
                tasks.create_task(Renewals(state).run())
                tasks.create_task(_dispatch_for_ever(state))
    finally:
        transport.close()
        await state.close()


class Datagrams(asyncio.DatagramProtocol):
    """The receive loop of heartbeats: arrays only."""

    def __init__(self, state: State) -> None:
        self._state = state

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._state.liveness.accept(data, self._state.clock.monotonic())


def _route(state: State) -> Callable[[ServerConnection], Awaitable[None]]:
    async def route(socket: ServerConnection) -> None:
        path = socket.request.path if socket.request else ""
        if path == "/control":
            await serve_controller(socket, state)
        elif path == "/drill":
            await serve_drill_host(socket, state)
        else:
            await serve_agent(socket, state)

    return route


def _admit(
    state: State,
) -> Callable[[ServerConnection, Request], Awaitable[Response | None]]:
    async def admit(socket: ServerConnection, request: Request) -> Response | None:
        if request.path == "/healthz":
            return socket.respond(200, "ok\n")
        if request.path == "/metrics":
            return socket.respond(200, metrics(state))
        if request.path in ("/agent", "/drill"):
            return None
        shown = request.headers.get("Authorization", "")
        if request.path == "/control" and hmac.compare_digest(shown, f"Bearer {state.secret}"):
            return None
        return socket.respond(404, "nothing here\n")

    return admit


async def _every(seconds: float, work: Callable[[State], Awaitable[None]], state: State) -> None:
    """Do it again and again; rows that are away cost a round, not the process."""
    while True:
        try:
            await work(state)
        except DatabaseError as error:
            log.warning("rows are away", work=work.__name__, error=str(error).strip())
        await asyncio.sleep(seconds)


async def _learn_keys(state: State) -> None:
    state.liveness.know(await state.rows(queries.heartbeat_keys))


async def _set_watches(state: State) -> None:
    fleet, peers = await state.rows(queries.fleet_to_watch)
    state.peers = peers
    plan = watches(fleet)
    for session in list(state.sessions.values()):
        wanted = tuple(peers[target] for target in plan.get(session.host.hex, ()))
        if wanted != session.probes:
            session.probes = wanted
            session.send(wire.Probe(peers=wanted))


async def _watch_databases(state: State) -> None:
    """Whoever decided, and however: a host whose databases' rows changed is told again."""
    hosts = list(state.sessions)
    if not hosts:
        return
    stamps = await state.rows(stamps_of, hosts)
    changed = {host for host, stamp in stamps.items() if state.stamps.get(host) != stamp}
    state.stamps = stamps
    if changed:
        state.stale_desired |= changed
        state.wake.set()


async def _watch_rows(state: State) -> None:
    """When the rows come into doubt (B11) every agent is met anew, so that it tells all that it
    knows; when they were settled, every agent is told anew."""
    knows = (await state.rows(control.read_beat))[0]
    is_silent = knows < state.epoch or not await state.rows(incarnations.speaks)
    if is_silent == state.is_silent:
        return
    state.is_silent = is_silent
    log.warning("agents are told nothing" if is_silent else "agents are told again")
    if is_silent:
        for session in list(state.sessions.values()):
            state.end(session, "the rows are in doubt")
        return
    state.stale_desired.update(state.sessions)
    state.wake.set()


async def _dispatch_for_ever(state: State) -> None:
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DISPATCH_SECONDS):  # wait_for may lose a cancellation
                await state.wake.wait()
        state.wake.clear()
        try:
            await _dispatch(state)
        except DatabaseError as error:
            log.warning("rows are away", work="dispatch", error=str(error).strip())
            await asyncio.sleep(0.5)


async def _dispatch(state: State) -> None:
    """Intent first: the row says "handed" before a frame leaves (B8)."""
    hosts = list(state.sessions)
    if not hosts:
        return
    now = state.clock.now()
    knows = (await state.rows(control.read_beat))[0]
    if knows < state.epoch:
        return  # these rows are older than what agents were told: `_watch_rows` sees to it (B11)
    state.epoch = knows
    errands = await state.rows(
        queries.errands, hosts, epoch=state.epoch, resend_before=now - RESEND_AFTER
    )
    due = await _hand_out([e for e in errands if not e.handed], state)
    due += [e for e in errands if e.handed and _is_due_again(e, state)]
    fences = [errand for errand in due if _is_fence(errand)]
    _send(fences, state)
    await tell_desired(state)
    _send([errand for errand in due if not _is_fence(errand)], state)
    unfinished = {errand.operation for errand in errands}
    state.sent = {key: at for key, at in state.sent.items() if key in unfinished}


def _is_fence(errand: Errand) -> bool:
    """Its server is asked where it stopped before it is told to stop."""
    return isinstance(errand.order, wire.DatabaseOrder) and errand.order.verb == "fence"


def _send(errands: list[Errand], state: State) -> None:
    for errand in errands:
        state.sent[errand.operation] = state.clock.monotonic()
        if session := state.sessions.get(errand.host):
            session.send(errand.order)


async def _hand_out(errands: list[Errand], state: State) -> list[Errand]:
    """Only what the rows let this gateway hand out is sent: another may have been first."""
    if not errands:
        return []
    moved = await state.rows(
        hand_operations,
        operations=[errand.operation for errand in errands],
        actor=Actor("gateway", state.name, state.epoch),
        now=state.clock.now(),
    )
    handed = {operation.pk for operation in moved}
    state.stale_desired.update(errand.host for errand in errands)
    return [errand for errand in errands if errand.operation in handed]


def _is_due_again(errand: Errand, state: State) -> bool:
    sent = state.sent.get(errand.operation, float("-inf"))
    return state.clock.monotonic() - sent >= RESEND_AFTER.total_seconds()
