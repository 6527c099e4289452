"""Carries out one order on a database server; `Orders` journals it and calls it once (B5, B8).

Invariant: each verb may be carried out again after a crash: it looks first, and what is so already
is *done*, never repeated.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from recovery.agent.backups.exporting.ordered import Exports
from recovery.agent.backups.ordered import Restores
from recovery.agent.databases.approved import Approvals
from recovery.agent.databases.leash import WatchdogAway
from recovery.agent.databases.records import taken_for_good, taken_over
from recovery.agent.databases.replica import Replica
from recovery.core.clock import SystemClock
from recovery.core.errors import Refused, TocsinError
from recovery.core.ports import EngineAway, EngineFailed
from recovery.core.wire import (
    DatabaseOrder,
    DatabaseSpec,
    DatabaseVerb,
    Member,
    Outcome,
    OutcomeState,
)
from recovery.core.wire.databases import UNLISTED

OBSERVE_SECONDS = 10.0
_PAUSE = 0.02
Verb = Callable[[DatabaseOrder, Replica], Awaitable[Outcome]]
GIVEN_UP = "its data are of a restore that was given up: what was there before is put back"
IN_QUARANTINE = {"fence", "ask", "discard", "keep", "export"}
"""What a host may do that is not trusted yet."""


class DatabaseOrders:
    """The orders on this host's database servers."""

    def __init__(
        self,
        replicas: Callable[[str], Replica | None],
        clock: SystemClock,
        restores: Restores,
        approvals: Approvals,
        unsure: Callable[[str], str] = lambda _: "",
        *,
        exports: Exports | None = None,
    ) -> None:
        """`unsure`: why nobody knows here whether a replica that is not kept still runs."""
        self._unsure, self._exports = unsure, exports
        self.refuse = approvals.refuse
        self._replicas, self._clock, self._restores = replicas, clock, restores
        self._verbs: dict[DatabaseVerb, Verb] = {
            "ask": self._ask,
            "fence": self._fence,
            "promote": self._promote,
            "restart": self._restart,
            "rejoin": self._rejoin,
            "keep": self._keep,
            "export": self._export,
            "adopt": restores.adopt,
        }

    async def carry_out(self, order: DatabaseOrder) -> Outcome:
        """Does it and says what was observed. A restore needs no replica here yet."""
        if order.verb in {"restore", "discard"}:
            return await self._restores.carry_out(order)
        replica = self._replicas(order.database.replica)
        if replica is None:
            why = self._unsure(order.database.replica)
            return outcome(order, "unknown" if why else "refused", why or UNLISTED)
        known = replica.server.record.epoch
        if order.database.epoch < known:
            return outcome(order, "refused", f"epoch {order.database.epoch} is below {known}")
        try:
            return await self._verbs[order.verb](order, replica)
        except (Refused, EngineFailed) as error:
            return outcome(order, "failed", str(error))
        except (EngineAway, WatchdogAway, OSError) as error:
            return outcome(order, "unknown", str(error))

    # ------------------------------------------------------------------ verbs

    async def _ask(self, order: DatabaseOrder, replica: Replica) -> Outcome:
        promises = await replica.server.decide(partial(taken_over, order))
        left = promises.left(self._clock.boottime())
        fact = replica.fact()
        told: dict[str, object] = {
            "promised_ms": int(left * 1000),
            "position": fact.position,
            "timeline": fact.timeline,
            "state": fact.state,
        }
        if order.give_again:
            told["given_again"] = list(order.give_again)
        return outcome(order, "done", json.dumps(told))

    async def _fence(self, order: DatabaseOrder, replica: Replica) -> Outcome:
        """Closed first, then asked where it stopped; a watchdog's gate leaves nobody to ask, so
        that one tells where it ended, if it ended in order."""
        receipt = await replica.server.fence(order.operation, order.database.epoch)
        async with replica.turn:  # its list may be stopping it just now, and says where it ends
            await replica.look()
        replica.wake()
        seen, ended_at = replica.server.seen, replica.server.ended_at
        stopped_at = seen.position if seen else ended_at
        told = "closed; where it stopped is not known" if stopped_at is None else str(stopped_at)
        return msgspec.structs.replace(outcome(order, "done", told), receipt=receipt)

    async def _promote(self, order: DatabaseOrder, replica: Replica) -> Outcome:
        server, epoch = replica.server, order.database.epoch
        promises = await server.decide(partial(taken_for_good, epoch))
        if server.record.role != "primary" or server.record.led < epoch:
            reason = promises.refuse_promotion(epoch, self._clock.boottime())
            if reason:
                return outcome(order, "refused", reason)
        await replica.take(as_primary(order.database))
        async with replica.turn:
            await replica.adopt()
            await server.look()
            if replica.is_given_up:
                return outcome(order, "unknown", GIVEN_UP)
            if server.seen is None:
                return outcome(order, _unanswered(replica, epoch), "its server does not answer")
            if server.seen.role != "primary" or server.record.led < epoch:
                await server.promote()
            await replica.look()
            await server.mind_lease()
        return await self._observed(order, replica)

    async def _restart(self, order: DatabaseOrder, replica: Replica) -> Outcome:
        await replica.take(order.database)
        async with replica.turn:
            await replica.adopt()
            await replica.look()
            if replica.is_given_up:
                return outcome(order, "unknown", GIVEN_UP)
            if not replica.server.is_running:
                await replica.server.start()
                await replica.look()
            elif replica.server.seen is None:
                await replica.server.stop()
                await replica.server.start()
                await replica.look()
        return await self._observed(order, replica)

    async def _rejoin(self, order: DatabaseOrder, replica: Replica) -> Outcome:
        await replica.take(order.database)
        async with replica.turn:
            await replica.adopt()
            await replica.look()
            record = replica.server.record
            if record.role == "primary" or record.is_overtaken:
                await _rejoined(replica)
        if not await self._until(replica, lambda: _follows(replica)):
            async with replica.turn:
                await _rejoined(replica)
        if await self._until(replica, lambda: _follows(replica)):
            alone = replica.server.record.alone
            return outcome(order, "done", alone or "follows its primary")
        return outcome(order, "unknown", "not following yet")

    async def _keep(self, order: DatabaseOrder, replica: Replica) -> Outcome:
        """Only of what its own list set apart, so that nothing serves from it."""
        async with replica.turn:
            await replica.adopt()
            await replica.look()
            if bad := _not_apart(order, replica):
                return bad
            kept = await replica.server.keep()
            await replica.look()
        replica.wake()
        return outcome(order, "done", json.dumps({"name": kept.name, "bytes": kept.size}))

    async def _export(self, order: DatabaseOrder, replica: Replica) -> Outcome:
        """Nothing of it changes: whatever is in the way, it may be asked for again."""
        async with replica.turn:
            await replica.adopt()
            await replica.look()
            if bad := _not_apart(order, replica):
                return bad
            if self._exports is None:
                return outcome(order, "refused", "nothing is exported from this host")
            try:
                return outcome(order, "done", await self._exports.export(order))
            except (TocsinError, OSError) as error:
                return outcome(order, "failed", str(error))

    # ------------------------------------------------------------------ observing

    async def _observed(self, order: DatabaseOrder, replica: Replica) -> Outcome:
        """Whether it is now what the order wants it to be."""
        wants = order.verb == "promote" or replica.spec.role == "primary"
        if wants:
            await self._until(replica, lambda: _leads(replica))
            if _leads(replica):
                return outcome(order, "done", f"primary at {replica.fact().position}")
            return outcome(order, "unknown", replica.fact().detail or "not open for writes yet")
        is_up = replica.fact().state == "running"
        return outcome(order, "done" if is_up else "unknown", replica.fact().detail or "running")

    async def _until(self, replica: Replica, holds: Callable[[], bool]) -> bool:
        deadline = self._clock.boottime() + OBSERVE_SECONDS
        while not holds() and self._clock.boottime() < deadline:
            await asyncio.sleep(_PAUSE)
            async with replica.turn:
                await replica.look()
        return holds()


async def _rejoined(replica: Replica) -> None:
    """Not a second time for data that its list has made fit already: what only they had would be
    told as nothing."""
    if replica.server.is_running:
        await replica.server.stop()
    await replica.server.rejoin()
    await replica.server.start()


def _not_apart(order: DatabaseOrder, replica: Replica) -> Outcome | None:
    """Why its data are not to be touched now."""
    if replica.spec.role != "out":
        return outcome(order, "refused", "it is not set apart: it may serve")
    if replica.server.is_running:
        return outcome(order, "failed", "its server has not ended yet")
    return None


def _unanswered(replica: Replica, epoch: int) -> OutcomeState:
    """Where an earlier order of this epoch was broken off, it may lead already: that is no "no", on
    which somebody else would be promoted."""
    record = replica.server.record
    return "unknown" if record.role == "primary" and record.led >= epoch else "failed"


def _leads(replica: Replica) -> bool:
    fact = replica.fact()
    return fact.role == "primary" and fact.is_writable and fact.gate != "closed"


def _follows(replica: Replica) -> bool:
    """A standby that streams, from the primary of this epoch."""
    seen = replica.server.seen
    leader = next((each for each in replica.spec.members if each.role == "primary"), None)
    if seen is None or leader is None or not seen.is_streaming:
        return False
    return seen.role == "standby" and seen.follows in {"", leader.replica}


def as_primary(spec: DatabaseSpec) -> DatabaseSpec:
    """The spec of a promotion: this replica leads, whoever led before follows."""
    return msgspec.structs.replace(
        spec, role="primary", members=tuple(_turned(each, spec.replica) for each in spec.members)
    )


def _turned(member: Member, leader: str) -> Member:
    if member.replica == leader:
        return msgspec.structs.replace(member, role="primary")
    role = "standby" if member.role == "primary" else member.role
    return msgspec.structs.replace(member, role=role)


def outcome(order: DatabaseOrder, state: OutcomeState, detail: str) -> Outcome:
    return Outcome(operation=order.operation, epoch=order.epoch, state=state, detail=detail[:1000])
