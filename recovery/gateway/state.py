"""What one gateway process holds in memory. All of it may be lost at any moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar
from uuid import UUID

import structlog
from django.db import close_old_connections, connections
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from recovery.core import wire
from recovery.core.clock import SystemClock
from recovery.gateway.digest import Seen
from recovery.gateway.liveness import Liveness

log = structlog.get_logger()
OUTBOX = 500
"""Frames that may wait for one agent's socket; it is sent a few a second."""
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Session:
    """One agent's open socket. `probes`: what it was last told to probe.

    Invariant: `send` never waits. A dead host's socket takes no frame for seconds before it is
    known to be dead, and for seconds more while it closes; orders to others must not wait for it.
    """

    host: UUID
    name: str
    socket: ServerConnection
    quarantined: bool
    probes: tuple[wire.Peer, ...] = ()
    reported: bool = False
    is_witness: bool = False
    _outbox: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(OUTBOX))

    def send(self, frame: wire.Frame) -> None:
        """In its turn; what a socket that died still held is sent again later, by its rows."""
        try:
            self._outbox.put_nowait(wire.encode(frame))
        except asyncio.QueueFull:
            log.warning("takes no more frames", host=self.name)
            self.socket.transport.abort()

    async def write(self) -> None:
        """Passes the frames on, in their order, until the socket ends."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.socket.send(await self._outbox.get())


@dataclass(frozen=True, slots=True)
class Asked:
    """One renewal that waits for its commit, since `at` on our monotonic clock."""

    session: Session
    frame: wire.Renewal
    at: float

    @property
    def number(self) -> tuple[int, int, int]:
        return self.frame.epoch, self.frame.incarnation, self.frame.sequence


Holder = tuple[UUID, UUID]
"""(host, replica): who speaks for which. What one host says of another's replica stands in nobody's
way, whether or not the row will refuse it (A3)."""


@dataclass(frozen=True, slots=True)
class Noted:
    """A look as this gateway got it: `began` on its own monotonic clock."""

    kernel: wire.Kernel
    answering: int
    asked: int
    began: float

    def seen(self, target: str, observer: str, now: float) -> Seen:
        age = max(0, int((now - self.began) * 1000))
        return Seen(target, observer, self.kernel, self.answering, self.asked, age)


@dataclass(slots=True)
class State:
    """Sessions by host, liveness, looks by (target, observer), and the one door to the rows.

    `back_door`: added to a host's probe port for our own look at it (the lab has one for us)."""

    name: str
    clock: SystemClock
    heartbeat_to: str
    secret: str
    back_door: int = 0
    liveness: Liveness = field(default_factory=Liveness)
    sessions: dict[UUID, Session] = field(default_factory=dict)
    looks: dict[tuple[str, str], Noted] = field(default_factory=dict)
    started: float = 0.0
    peers: dict[str, wire.Peer] = field(default_factory=dict)
    counters: Counter[str] = field(default_factory=Counter)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    stale_desired: set[UUID] = field(default_factory=set)
    stamps: Mapping[UUID, object] = field(default_factory=dict)
    sent: dict[UUID, float] = field(default_factory=dict)
    epoch: int = 0
    looking: set[asyncio.Task[None]] = field(default_factory=set)
    closing: set[asyncio.Task[None]] = field(default_factory=set)
    asked: dict[Holder, Asked] = field(default_factory=dict)
    renewing: asyncio.Event = field(default_factory=asyncio.Event)
    renewal_seconds: float = 0.0
    is_silent: bool = False
    witnessed: dict[UUID, int] = field(default_factory=dict)
    has_read_witnesses: bool = False
    asked_at: dict[UUID, float] = field(default_factory=dict)
    refusing: set[UUID] = field(default_factory=set)
    _rows: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="rows")
    )
    _leases: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="leases")
    )

    def ask_renewal(self, session: Session, replica: UUID, frame: wire.Renewal) -> None:
        """Let it wait for the next batch; the newest of a replica counts, whatever comes late."""
        self.counters["renewals"] += 1
        key, asked = (session.host, replica), Asked(session, frame, self.clock.monotonic())
        there = self.asked.get(key)
        if there is None or there.session is not session or there.number < asked.number:
            self.asked[key] = asked
            self.renewing.set()

    def end(self, session: Session, reason: str) -> None:
        """Close its socket, without waiting: a dead host's closes in its own time."""
        ending = asyncio.create_task(session.socket.close(1012, reason))
        self.closing.add(ending)
        ending.add_done_callback(self.closing.discard)

    async def rows(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query or an action in the one thread that speaks to PostgreSQL."""
        return await self._run(self._rows, work, *args, **kwargs)

    async def renew(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same in the thread of the leases: with a connection of its own, behind no report."""
        return await self._run(self._leases, work, *args, **kwargs)

    async def _run(
        self, pool: ThreadPoolExecutor, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Raises what `work` raises. The connection is kept (a new one for each of ten calls a
        second would be most of the work) and looked at first: one that broke is replaced."""

        def call() -> T:
            close_old_connections()
            return work(*args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(pool, call)

    async def close(self) -> None:
        """Give the threads' connections back."""
        await self.rows(connections.close_all)
        await self.renew(connections.close_all)
        self._rows.shutdown()
        self._leases.shutdown()
