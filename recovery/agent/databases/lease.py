"""Keeps the lease of one primary: renews, asks peers, moves the gate's deadline (B2, B6, B7).

Invariants: a renewal is sent only while the server itself answers, or once to start it; the gate
is never opened beyond what the rules say (`core.leases.AgentLease`), whose deadlines count from
before the sending; after a sleep, or a step between BOOTTIME and the time of day, the gate is
closed before anything else (safety.md 3.3 F).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from recovery.agent.databases.facts import rivals
from recovery.agent.databases.leash import WatchdogAway
from recovery.core.clock import SystemClock
from recovery.core.errors import Refused
from recovery.core.gates import Gate
from recovery.core.leases import AgentLease, EarlyFence, PromiseRound, guard_span
from recovery.core.wire import DatabaseSpec, Grant, LeaseTerms, Member, Renewal

_log = logging.getLogger("tocsin.agent.lease")
JITTER = 0.1
STEP_SECONDS = 1.0
RECOVERY_SECONDS = 20.0
"""For so long a primary that was just started keeps its lease without answering."""
DRIFT, CLOSING = 0.001, 0.01
"""As in the terms that the control plane counts with (safety.md 3.2)."""

Ask = Callable[[DatabaseSpec, Member, float], Awaitable[bool | None]]
"""Asks one member's agent for a promise of a span, or (0) only greets it. True: promised (greeted);
False: it answered and does not; None: no answer."""


@dataclass(frozen=True, slots=True)
class Ties:
    """What a lease needs of the rest of the agent."""

    gate: Gate
    clock: SystemClock
    incarnation: int
    send: Callable[[Renewal], None]
    ask: Ask
    answering: Callable[[str], bool]
    position: Callable[[str], int]


class Lease:
    """One primary's, in one epoch and one life of the agent."""

    def __init__(self, spec: DatabaseSpec, terms: LeaseTerms, ties: Ties, left: float) -> None:
        now = ties.clock.boottime()
        self._spec, self._terms, self._ties = spec, terms, ties
        self.rules = AgentLease(
            epoch=spec.epoch,
            incarnation=ties.incarnation,
            every=terms.every,
            length=terms.length,
            deadline=now + left,
            now=now,
        )
        self._offset = self._apart()
        self._asking: asyncio.Task[None] | None = None
        self._opened = asyncio.Event()
        self._wanted_until = self._asked_first = now
        self.update(spec)

    @property
    def epoch(self) -> int:
        return self.rules.epoch

    def update(self, spec: DatabaseSpec) -> None:
        """The same epoch with other members or another durability."""
        self._spec = spec
        waits_for_standby = spec.synchronous and not spec.degraded
        if waits_for_standby or not self._terms.early:
            self.rules.early = None
        elif self.rules.early is None:
            self.rules.early = EarlyFence(self._terms.early, self._ties.clock.boottime())

    async def run(self) -> None:
        """Until cancelled; the gate is left to its deadline."""
        try:
            while True:
                await self._round()
                spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 (jitter)
                await asyncio.sleep(self._terms.every * spread)
        finally:
            if self._asking is not None:
                self._asking.cancel()

    async def obtain(self, seconds: float) -> bool:
        """Asks for the right to start or to be promoted; whether it came in time. For some time
        more it is renewed although the server does not answer yet: it may have to recover."""
        now = self._ties.clock.boottime()
        self._wanted_until = now + RECOVERY_SECONDS
        self._renew(now)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.is_open():
                    self._opened.clear()
                    await self._opened.wait()
        if not self.is_open():
            self._wanted_until = now
        return self.is_open()

    def give_up(self) -> None:
        """What it was obtained for failed: from now on the server has to answer."""
        self._wanted_until = self._ties.clock.boottime()

    def is_open(self) -> bool:
        return self.rules.is_open(self._ties.clock.boottime())

    async def granted(self, grant: Grant) -> None:
        """A grant arrived: the deadline moves, the gate with it."""
        await self._notice_sleep(self._ties.clock.boottime())
        self.rules.granted(
            epoch=grant.epoch,
            incarnation=grant.incarnation,
            sequence=grant.sequence,
            now=self._ties.clock.boottime(),
        )
        await self._move()

    # ------------------------------------------------------------------ inside

    async def _round(self) -> None:
        now = self._ties.clock.boottime()
        await self._notice_sleep(now)
        if self._ties.answering(self._spec.replica) or now < self._wanted_until:
            self._renew(now)
            self._ask_peers(now)

    async def _notice_sleep(self, now: float) -> None:
        """First thing in everything: after a sleep, or a step between the clocks, it is closed."""
        slept, apart = self.rules.tick(now), self._apart()
        stepped = abs(apart - self._offset) > STEP_SECONDS
        self._offset = apart
        if slept or stepped:
            _log.warning("%s: a sleep or a step of the clock: closed first", self._spec.name)
            self.rules.distrust(now)
            self._asked_first = now
            await self._close()

    def _apart(self) -> float:
        return self._ties.clock.now().timestamp() - self._ties.clock.boottime()

    def _renew(self, now: float) -> None:
        number = self.rules.renew(now)
        self._ties.send(
            Renewal(
                replica=self._spec.replica,
                epoch=self.rules.epoch,
                incarnation=self.rules.incarnation,
                sequence=number,
                echo=self.rules.echo,
                position=self._ties.position(self._spec.replica),
            )
        )

    def _ask_peers(self, now: float) -> None:
        """Promises once half of the lease has gone; a greeting where silence alone would close.

        A fresh lease asks the control plane first: a promise that nobody needs would only keep a
        standby from being promoted.
        """
        if self._asking is not None and not self._asking.done():
            return
        early = self.rules.early
        wants_word = early is not None and now - early.heard_at > early.span / 2
        patience = self._terms.every + self._terms.timeout
        if self.rules.wants_promise(now) and now - self._asked_first >= patience:
            span = guard_span(self._terms.length, drift=DRIFT, closing=CLOSING)
        elif wants_word:
            span = 0.0
        else:
            return
        self._asking = asyncio.create_task(self._ask_round(now, span), name="promises")

    async def _ask_round(self, asked_at: float, span: float) -> None:
        names = set(rivals(self._spec))
        peers = [member for member in self._spec.members if member.replica in names]
        pending = PromiseRound(names, asked_at)
        is_whole = False
        answers = await asyncio.gather(
            *(self._ties.ask(self._spec, member, span) for member in peers)
        )
        for member, answer in zip(peers, answers, strict=True):
            if answer is not None:
                self.rules.heard(self._ties.clock.boottime())
            if answer and span:
                is_whole = pending.promised(member.replica)
        if is_whole:
            self.rules.promised(asked_at)
        await self._move()

    async def _move(self) -> None:
        """The gate's deadline is the rules'."""
        if not self.is_open():
            return
        try:
            await self._ties.gate.extend(self._spec.replica, self.rules.epoch, self.rules.closes_at)
        except Refused as error:
            _log.warning("%s: the gate stays closed: %s", self._spec.name, error)
            return
        except (WatchdogAway, OSError) as error:
            _log.error("%s: the gate cannot be moved: %s", self._spec.name, error)
            return
        self._opened.set()

    async def _close(self) -> None:
        try:
            await self._ties.gate.close(self._spec.replica)
        except (WatchdogAway, Refused, OSError) as error:
            _log.error("%s: the gate cannot be closed: %s", self._spec.name, error)
