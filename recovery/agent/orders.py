"""Carries out orders exactly once: journal, act, observe, journal, tell (B5, B8)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from recovery.agent.databases.orders import IN_QUARANTINE, DatabaseOrders
from recovery.agent.desired import Book
from recovery.agent.journal import Entry, Journal
from recovery.agent.keeper import Keeper
from recovery.core.clock import SystemClock
from recovery.core.ending import end
from recovery.core.wire import DatabaseOrder, Order, Outcome, OutcomeState

_log = logging.getLogger("tocsin.agent.orders")
OBSERVE_SECONDS = 30.0
RECENT_SECONDS = 120.0
_IN_QUARANTINE = IN_QUARANTINE | {"stop"}
READS = frozenset({"export"})
"""What changes nothing here, and is begun anew whatever happened to the host."""


class Orders:
    """The orders of this host. Invariant: one task per operation key, ever."""

    def __init__(
        self,
        journal: Journal,
        book: Book,
        keeper: Keeper,
        clock: SystemClock,
        *,
        boot: str,
        tell: Callable[[Outcome], None],
        databases: DatabaseOrders,
    ) -> None:
        self._journal, self._book, self._keeper = journal, book, keeper
        self._clock, self._boot, self._tell = clock, boot, tell
        self._databases = databases
        self._running: dict[str, asyncio.Task[None]] = {}
        self._writing = asyncio.Lock()

    @property
    def epoch(self) -> int:
        """The highest leader's epoch that this host has journaled."""
        return self._journal.epoch

    async def raise_epoch(self, epoch: int) -> None:
        async with self._writing:
            await asyncio.to_thread(self._journal.raise_epoch, epoch)

    async def take(self, order: Order | DatabaseOrder) -> None:
        """Starts an order, or answers it at once: known key, lower epoch, quarantine."""
        known = self._journal.outcome_of(order.operation)
        if known is not None:
            self._tell(known)
            return
        if order.operation in self._running:
            return
        refusal = self._refusal(order)
        if refusal:
            self._tell(_outcome(order, "refused", refusal))
            return
        self._start(order, order.operation in self._journal.entries)

    def resume(self) -> None:
        """After a crash: what was intended and has no outcome is looked at, then finished."""
        for entry in self._journal.open_entries():
            if entry.order.operation not in self._running:
                self._start(entry.order, True, entry)

    def recent(self) -> list[Outcome]:
        """Outcomes that the control plane may have missed."""
        since = self._clock.boottime() - RECENT_SECONDS
        return [
            entry.outcome
            for entry in self._journal.entries.values()
            if entry.outcome is not None and entry.seen >= since
        ]

    async def close(self) -> None:
        await end(self._running.values())
        self._journal.close()

    # ------------------------------------------------------------------ inside

    def _refusal(self, order: Order | DatabaseOrder) -> str:
        if order.epoch < self._journal.epoch:
            return f"epoch: {order.epoch} is below {self._journal.epoch}, seen by this host"
        if order.verb not in _IN_QUARANTINE and self._book.quarantined:
            return "quarantine: this host starts nothing new yet"
        if isinstance(order, DatabaseOrder) and (why := self._databases.refuse(order)):
            return f"approval: {why}"
        return ""

    def _start(
        self, order: Order | DatabaseOrder, is_journaled: bool, entry: Entry | None = None
    ) -> None:
        task = asyncio.create_task(
            self._carry_out(order, is_journaled, entry), name=f"order {order.operation}"
        )
        self._running[order.operation] = task
        task.add_done_callback(lambda _: self._running.pop(order.operation, None))

    async def _carry_out(
        self, order: Order | DatabaseOrder, is_journaled: bool, entry: Entry | None
    ) -> None:
        if not is_journaled:
            async with self._writing:
                await asyncio.to_thread(self._journal.intend, order)
        if entry is not None and entry.boot != self._boot and order.verb not in READS:
            outcome = _before_this_boot(order)
        else:
            outcome = await self._act(order)
        async with self._writing:
            await asyncio.to_thread(self._journal.finish, outcome, self._clock.boottime())
        _log.info("order %s: %s %s", order.operation, outcome.state, outcome.detail)
        self._tell(outcome)

    async def _act(self, order: Order | DatabaseOrder) -> Outcome:
        """Does it and says what was observed."""
        if isinstance(order, DatabaseOrder):
            return await self._databases.carry_out(order)
        if order.verb == "stop":
            return await self._stop(order)
        spec = order.container
        self._keeper.forgive(spec.placement)
        async with self._writing:
            await asyncio.to_thread(self._book.add, spec, self._clock.boottime())
        if order.verb == "restart":
            await self._keeper.restart(spec)
        failure = await self._keeper.ensure(spec)
        if failure:
            return _outcome(order, "failed", failure)
        await self._keeper.until(lambda: self._verdict(order) is not None, OBSERVE_SECONDS)
        return self._verdict(order) or _outcome(order, "unknown", "not answering yet")

    async def _stop(self, order: Order) -> Outcome:
        placement = order.container.placement
        async with self._writing:
            await asyncio.to_thread(self._book.remove, placement, self._clock.boottime())
        await self._keeper.halt(placement)
        if self._keeper.is_absent(placement):
            return _outcome(order, "done", "gone")
        return _outcome(order, "unknown", "asked to stop and still there")

    def _verdict(self, order: Order) -> Outcome | None:
        """What the observed facts say about a start or restart, if they say anything yet."""
        fact = self._keeper.fact(order.container.placement)
        if fact is None or fact.generation != order.container.generation:
            return None
        if fact.state == "running":
            return _outcome(order, "done", "its health path answers")
        if fact.state == "failed":
            return _outcome(order, "failed", fact.detail)
        return None


def _before_this_boot(order: Order | DatabaseOrder) -> Outcome:
    """Nothing of a container is left; what an order did to data may well be."""
    state: OutcomeState = "unknown" if isinstance(order, DatabaseOrder) else "failed"
    return _outcome(order, state, "the host started anew before it was done")


def _outcome(order: Order | DatabaseOrder, state: OutcomeState, detail: str) -> Outcome:
    return Outcome(operation=order.operation, epoch=order.epoch, state=state, detail=detail)
