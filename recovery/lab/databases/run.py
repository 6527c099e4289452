"""The writers as a process: one user for each database, and rows at most once a second.

Invariant: writing never waits for Tocsin's own database; while that is away, sights are skipped
and ended gaps are kept until they can be stored.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import structlog
from django.db import DatabaseError, close_old_connections, connections

from recovery.core.clock import Clock
from recovery.core.ending import end
from recovery.core.ports import DATABASE, Login
from recovery.inventory import actions
from recovery.inventory.actions import EndedGap, WriteSight
from recovery.inventory.models import Database
from recovery.lab.databases.clients import Door, connect
from recovery.lab.databases.gauge import Gap
from recovery.lab.databases.ledger import Ledger
from recovery.lab.databases.writer import Writer

log = structlog.get_logger()

ROUND_EVERY = 1.0
LOOK_EVERY = 5
"""Rounds between two looks at which databases there are."""


@dataclass(frozen=True, slots=True)
class Target:
    """A database to write to."""

    id: UUID
    name: str
    door: Door


def targets(host: str) -> tuple[Target, ...]:
    """Every database that users can reach through the edge."""
    rows = Database.objects.exclude(edge_port=None).order_by("name")
    return tuple(Target(row.pk, row.name, _door(row, host)) for row in rows)


def _door(row: Database, host: str) -> Door:
    client = Login.CLIENT
    return Door(row.engine, host, row.edge_port or 0, client, client.password(row.secret), DATABASE)


class Writers:
    """All of them, and what they have to tell."""

    def __init__(self, folder: Path, clock: Clock, wake: Callable[[], None]) -> None:
        self._folder, self._clock, self._wake = folder, clock, wake
        self._running: dict[Target, tuple[Writer, asyncio.Task[None]]] = {}
        self._ended: list[EndedGap] = []
        self._since: dict[Target, datetime] = {}

    def watch(self, wanted: Iterable[Target]) -> None:
        """Write to these from now on."""
        for target in set(self._running) - set(wanted):
            self._running.pop(target)[1].cancel()
        for target in set(wanted) - set(self._running):
            self._start(target)

    def sights(self) -> list[WriteSight]:
        """How writing goes now, database by database."""
        now = self._clock.monotonic()
        return [self._sight(target, writer, now) for target, (writer, _) in self._running.items()]

    def take_gaps(self) -> list[EndedGap]:
        """What ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def keep(self, gaps: list[EndedGap]) -> None:
        """They could not be stored yet."""
        self._ended = gaps + self._ended

    async def close(self) -> None:
        await end([task for _, task in self._running.values()])

    def _start(self, target: Target) -> None:
        writer = Writer(
            partial(connect, target.door),
            Ledger(self._folder / f"{target.name}.ledger"),
            self._clock,
            changed=self._wake,
            told=partial(self._end, target),
        )
        task = asyncio.ensure_future(writer.run())
        task.add_done_callback(partial(self._stopped, target))
        self._running[target] = writer, task
        self._since[target] = self._clock.now()

    def _stopped(self, target: Target, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("writer_failed", database=target.name, error=repr(error))
            self._running.pop(target, None)

    def _end(self, target: Target, gap: Gap, lost: tuple[int, ...]) -> None:
        log.info("writes_again", database=target.name, seconds=gap.seconds, lost=len(lost))
        self._ended.append(
            EndedGap(
                database=target.id,
                last_before=self._wall(gap.began),
                first_after=self._wall(gap.ended),
                seconds=gap.seconds,
                after_number=gap.after,
                lost=lost,
                error=gap.error,
            )
        )
        self._wake()

    def _sight(self, target: Target, writer: Writer, now: float) -> WriteSight:
        gauge = writer.gauge
        gap = gauge.newest(now)
        return WriteSight(
            database=target.id,
            acknowledged=gauge.acknowledged,
            last_ack_at=None if gauge.last_at is None else self._wall(gauge.last_at),
            gap_ms=None if gap is None else 1000 * gap,
            failing_since=(
                None if gauge.failing_since is None else self._wall(gauge.failing_since)
            ),
            last_error=gauge.error,
            lost=len(writer.lost),
            since=self._since[target],
        )

    def _wall(self, mono: float) -> datetime:
        return self._clock.now() - timedelta(seconds=self._clock.monotonic() - mono)


async def run_writers(*, folder: Path, host: str, clock: Clock, stop: asyncio.Event) -> None:
    """Write until told to stop."""
    woken = asyncio.Event()
    writers = Writers(folder, clock, woken.set)
    loop = asyncio.get_running_loop()
    rounds = 0
    with ThreadPoolExecutor(1, "writers-rows") as thread:
        while not stop.is_set():
            woken.clear()
            look = rounds % LOOK_EVERY == 0
            gaps, round_ = writers.take_gaps(), partial(_round, writers.sights(), host, look=look)
            try:
                found = await loop.run_in_executor(thread, partial(round_, gaps, now=clock.now()))
                if found is not None:
                    writers.watch(found)
                rounds += 1
            except DatabaseError as error:
                log.warning("writers_database_away", error=str(error))
                writers.keep(gaps)
            await _pause(stop, woken, ROUND_EVERY)
        await writers.close()
        await loop.run_in_executor(thread, connections.close_all)


async def _pause(stop: asyncio.Event, woken: asyncio.Event, seconds: float) -> None:
    """Until the next round is due, something changed, or the process is told to stop."""
    waits = [asyncio.ensure_future(one.wait()) for one in (stop, woken)]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for one in waits:
        one.cancel()


def _round(
    sights: list[WriteSight], host: str, gaps: list[EndedGap], *, look: bool, now: datetime
) -> tuple[Target, ...] | None:
    """Rows for what is known; the databases to write to, when it is time to look."""
    close_old_connections()
    actions.keep_gaps(gaps=gaps)
    actions.note_writes(sights=sights, now=now)
    return targets(host) if look else None
