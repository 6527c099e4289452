"""The prober as a process: probes in the loop, rows in a thread, each at its own pace."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

import httpx
import structlog
from django.db import DatabaseError, close_old_connections, connections

from recovery.audit.facts import Actor
from recovery.core.clock import Clock
from recovery.traffic import actions, queries
from recovery.traffic.prober import PATIENCE, Prober, Target, Told, ask_edge
from recovery.traffic.timeline import Began, Rate

log = structlog.get_logger()

TICK = 0.02
WRITE_EVERY = 1.0
ACTOR = Actor("worker", "prober")


@dataclass(frozen=True, slots=True)
class Sight:
    """What is seen of each application now, and since when without a break."""

    rates: dict[UUID, Rate]
    since: dict[UUID, datetime]


async def run_prober(*, edge: str, clock: Clock, stop: asyncio.Event) -> None:
    """Probe until told to stop. A database that is away delays rows and loses none."""
    limits = httpx.Limits(max_connections=500, max_keepalive_connections=0)
    timeout = httpx.Timeout(PATIENCE, connect=1.0)
    async with httpx.AsyncClient(base_url=edge, timeout=timeout, limits=limits) as client:
        prober = Prober(clock=clock, ask=partial(ask_edge, client))
        writing = asyncio.ensure_future(_write_rows(prober, clock, stop))
        while not stop.is_set():
            prober.tick()
            await asyncio.sleep(TICK)
        await writing


async def _write_rows(prober: Prober, clock: Clock, stop: asyncio.Event) -> None:
    """One thread, and so one connection; a round that fails is told again in the next."""
    loop = asyncio.get_running_loop()
    waiting: list[Told] = []
    is_resumed = False
    with ThreadPoolExecutor(1, "prober-rows") as thread:
        while not stop.is_set():
            waiting += prober.take()
            sight = Sight(prober.rates(), prober.seen_since())
            round_ = partial(_round, list(waiting), sight, clock, first=not is_resumed)
            try:
                prober.watch(await loop.run_in_executor(thread, round_))
                is_resumed = True
                waiting.clear()
            except DatabaseError as error:
                log.warning("prober_database_away", error=str(error), waiting=len(waiting))
            await _pause(stop, WRITE_EVERY)
        await loop.run_in_executor(thread, connections.close_all)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait, but no longer than until the process is told to stop."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


def _round(told: list[Told], sight: Sight, clock: Clock, *, first: bool) -> tuple[Target, ...]:
    close_old_connections()
    if first:
        resume(clock)
    return write(told, sight, clock)


def resume(clock: Clock) -> None:
    """Outages that an earlier prober left open end where its sight ended; if the application
    still does not answer, the next probes open a new one."""
    seen = queries.last_pulses()
    for application, outage in queries.open_outages().items():
        actions.end_outage(
            application=application,
            ended_at=seen.get(application, outage.started_at),
            is_seen=False,
            reason="The prober was restarted: unknown from here on.",
            actor=ACTOR,
            now=clock.now(),
        )


def write(told: list[Told], sight: Sight, clock: Clock) -> tuple[Target, ...]:
    """Store what changed and the pulses; the applications to ask from now on."""
    now = clock.now()
    targets = tuple(Target(*row) for row in queries.probed_applications())
    for item in told:
        if isinstance(item.change, Began):
            actions.open_outage(
                application=item.application,
                started_at=item.at,
                cause=item.change.detail,
                is_seen=item.change.seen,
                actor=ACTOR,
                now=now,
            )
        else:
            is_seen = item.change.seen
            actions.end_outage(
                application=item.application,
                ended_at=item.at,
                is_seen=is_seen,
                reason="It answers again." if is_seen else "It could not be asked any more.",
                actor=ACTOR,
                now=now,
            )
    known = {target.id for target in targets}
    rates = {pk: rate for pk, rate in sight.rates.items() if pk in known}
    actions.note_pulses(rates=rates, since=sight.since, now=now)
    return targets
