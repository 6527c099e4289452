"""Keeps one database server as its list wants it: looks, decides, acts, says what is so.

Invariants: one act at a time, each preceded by a look; a list of a lower epoch than the highest
ever seen here changes nothing (B5); what is told is what was observed last.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable
from functools import partial
from typing import Literal

from recovery.agent.databases import decide
from recovery.agent.databases.facts import AS_WANTED, Act, Deed, Origin, Picture
from recovery.agent.databases.leash import WatchdogAway
from recovery.agent.databases.letters import Answer, Question
from recovery.agent.databases.records import learned, promised
from recovery.agent.databases.server import Server
from recovery.agent.databases.sights import SILENT_SECONDS, Following, matters, with_sight
from recovery.agent.databases.tools import Tools
from recovery.core.errors import Refused
from recovery.core.ports import EngineAway, EngineFailed
from recovery.core.wire import DatabaseSpec, Member, ReplicaFact, ServerState

_log = logging.getLogger("tocsin.agent.replica")
ROUND_SECONDS = 1.0
BACKOFF = (1.0, 2.0, 5.0, 10.0, 30.0)
_BUSY: dict[Deed, ServerState] = {
    Deed.MAKE: "making",
    Deed.CLONE: "making",
    Deed.REJOIN: "making",
    Deed.START: "starting",
}


class Replica:
    """One replica of this host."""

    def __init__(self, spec: DatabaseSpec, tools: Tools) -> None:
        self._tools = tools
        self.server = Server(spec, tools, self._heard_end)
        self.turn = asyncio.Lock()
        self.is_ordered = False
        self._wake = asyncio.Event()
        self._busy: Deed | None = None
        self._trouble, self._streak, self._not_before = "", 0, 0.0
        self._is_failed = self._is_measured = self._is_made = self._is_unusable = False
        self._waits_for = ""
        self._told: tuple[object, ...] = ()
        self._wanted, self._is_adopted = spec, False
        self._following = Following()
        self._gate_left, self._origin = 0.0, Origin()

    @property
    def spec(self) -> DatabaseSpec:
        return self.server.spec

    @property
    def name(self) -> str:
        return self.server.name

    # ------------------------------------------------------------------ what is wanted

    async def take(self, spec: DatabaseSpec) -> None:
        """The list's word, or an order's. Lower epochs than the highest known are late."""
        record = self.server.record
        leads = record.role == "primary" and record.led >= spec.epoch
        if spec.epoch < record.epoch or (leads and spec.role == "standby"):
            return
        if spec == self._wanted and record.spec == spec:
            return
        if record.spec != spec and not await self.server.decide(partial(learned, spec)):
            return
        self._wanted = spec
        self.wake()

    async def adopt(self) -> None:
        """What is wanted now is what the acts go by. With `turn` held."""
        if self.server.spec == self._wanted and self._is_adopted:
            return
        self.server.spec, self._is_adopted = self._wanted, True
        self._streak, self._not_before, self._is_measured = 0, 0.0, False
        self._look_at_origin()
        if self.server.is_running:
            await self._guarded(self.server.guard())

    def wake(self) -> None:
        self._wake.set()

    def forgive(self) -> None:
        """A control plane is back, or an order came: what failed may be tried again now."""
        self._not_before = 0.0
        self.wake()

    def _heard_end(self) -> None:
        self.wake()
        self._tools.changed()

    @property
    def is_given_up(self) -> bool:
        """Whether its data may not serve, by what was looked at last."""
        return self._origin.is_given_up

    # ------------------------------------------------------------------ the rounds

    async def run(self) -> None:
        """Rounds, for ever: at once when something ended or changed, else as often as it needs."""
        while True:
            self._wake.clear()
            async with self.turn:
                acted = await self.round()
            if acted:
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._wake.wait()

    def _pause(self) -> float:
        lease = self.server.spec.lease
        return min(ROUND_SECONDS, lease.every) if lease else ROUND_SECONDS

    async def round(self) -> bool:
        """One look and the act that follows from it; whether there was one. With `turn` held."""
        try:
            await self.look()
        except (WatchdogAway, OSError) as error:
            self._trouble = str(error)
            return False
        await self.adopt()
        await self._guarded(self.server.mind_lease())
        if self._is_unusable:
            return False
        act = decide.decide(self.picture())
        self._waits_for = "" if isinstance(act, Act) else act.reason
        if act == AS_WANTED and self._streak:  # what an act failed at is not wanted any more
            self._trouble, self._streak, self._is_failed = "", 0, False
        if not isinstance(act, Act) or self._tools.clock.boottime() < self._not_before:
            return False
        return await self._perform(act)

    async def look(self) -> None:
        """Observes, and tells if something changed that matters."""
        server = self.server
        await server.look()
        self._look_at_data()
        self._look_at_origin()
        self._following = self._following.look(
            is_streaming=self._is_streaming(),
            is_running=server.is_running,
            now=self._tools.clock.boottime(),
            unheard=server.seen.unheard_ms / 1000 if server.seen else 0.0,
        )
        self._gate_left = await self._left()
        if (told := matters(self.fact())) != self._told:
            self._told = told
            self._tools.changed()

    def _is_streaming(self) -> bool | None:
        """None: it did not answer, and not for long yet."""
        seen, silent = self.server.seen, self.server.silence.seconds
        return seen.is_streaming if seen else (None if silent < SILENT_SECONDS else False)

    def _look_at_origin(self) -> None:
        """Of which restore the data are, by what is wanted now: a list that asks for none any more
        ends no server; one that asks for another, or gave this one up, ends it."""
        self._origin = self._tools.restored.origin(self.server.spec)

    def _look_at_data(self) -> None:
        """Whether there are data, and programs for them."""
        was, self._is_unusable = self._is_unusable, False
        try:
            self._is_made = self.server.engine.is_made()
        except EngineFailed as error:
            self._is_unusable, self._trouble = True, str(error)
        if was and not self._is_unusable:
            self._trouble = ""

    async def _left(self) -> float:
        if not self.server.is_gated or not self.server.is_running:
            return 0.0
        try:
            return await self._tools.gate.left(self.name)
        except (Refused, WatchdogAway, OSError):
            return 0.0

    async def _perform(self, act: Act) -> bool:
        _log.info("%s %s: %s", act.deed, self.name, act.reason)
        self._busy = act.deed
        self._tools.changed()
        try:
            if act.deed is Deed.ADOPT:
                await self._tools.restored.take_place(self.server.spec)
            elif act.deed is Deed.RETURN:
                await self._tools.restored.put_back(self.server.spec)
            else:
                await self.server.perform(act)
        except (EngineFailed, EngineAway, WatchdogAway, Refused, OSError) as error:
            self._fail(act, error)
            return False
        finally:
            self._busy = None
            self._tools.changed()
        self._trouble, self._streak, self._is_failed = "", 0, False
        self.is_ordered = self.is_ordered and act.deed is not Deed.START
        self._is_measured = self._is_measured or act.deed is Deed.MEASURE
        return True

    def _fail(self, act: Act, error: Exception) -> None:
        _log.warning("%s %s: %s", act.deed, self.name, error)
        self._trouble = f"{act.deed}: {error}"
        self._is_failed = isinstance(error, EngineFailed)
        wait = BACKOFF[min(self._streak, len(BACKOFF) - 1)]
        self._streak += 1
        self._not_before = self._tools.clock.boottime() + wait

    async def _guarded(self, act: Awaitable[None]) -> None:
        """A gate that cannot be moved now: it closes by itself; the next round tries again."""
        try:
            await act
        except (Refused, WatchdogAway, OSError) as error:
            self._trouble = str(error)
            _log.warning("%s: %s", self.name, error)

    def picture(self) -> Picture:
        server, record = self.server, self.server.record
        return Picture(
            spec=server.spec,
            role=record.role,
            led=record.led,
            is_made=self._is_made,
            is_running=server.is_running,
            is_fresh=self._tools.is_fresh(),
            quarantined=self._tools.is_quarantined(),
            ended=server.sight.ended if server.sight else "",
            seen=server.seen,
            fenced=server.fenced,
            configured=server.configured,
            is_measured=self._is_measured,
            is_ordered=self.is_ordered,
            is_adopted=server.spec.adopts in {"", self._origin.adopted},
            is_staged=self._tools.restored.is_staged(server.spec),
            is_given_up=self._origin.is_given_up,
            may_return=self._origin.may_return,
            is_overtaken=record.is_overtaken,
        )

    # ------------------------------------------------------------------ what is told

    def fact(self) -> ReplicaFact:
        """What was observed last."""
        server, record, seen = self.server, self.server.record, self.server.seen
        now = self._tools.clock.boottime()
        role = seen.role if seen else record.role
        fact = ReplicaFact(
            replica=self.name,
            epoch=record.epoch,
            state=self.state(),
            role="out" if server.spec.role == "out" else role,
            gate=self._gate(),
            gate_kind=self._tools.gate.kind if server.is_gated else "",
            promised_ms=int(record.promises.left(now) * 1000),
            healthy_ms=int(self._following.seconds * 1000),
            alone=record.alone[:1000],
            is_measured=self._is_measured,
            adopted=self._origin.adopted,
            silent_ms=int(server.silence.seconds * 1000),
            detail=(self._trouble or server.silence.said or self._waits_for)[:300],
        )
        return fact if seen is None else with_sight(fact, seen, server.seen_after)

    def _gate(self) -> Literal["open", "closed", "none"]:
        if not self.server.is_gated:
            return "none"
        return "open" if self._gate_left > 0 else "closed"

    def state(self) -> ServerState:
        server, record = self.server, self.server.record
        if self._busy in _BUSY:
            return _BUSY[self._busy]
        if record.role == "primary" and 0 < record.led <= server.fenced:
            return "fenced"
        if server.is_running:
            return "running" if server.seen is not None else "down"
        if self._is_failed or self._is_unusable:
            return "failed"
        if record.role == "out" and not self._is_made:
            return "absent"
        return "down"

    # ------------------------------------------------------------------ peers

    async def promise(self, question: Question) -> Answer:
        """What the primary's agent is told: a promise is on the disk before it is given (B6)."""
        reason = "this question is another's"
        if question.to == self.name:
            now = self._tools.clock.boottime()
            reason = await self.server.decide(partial(promised, question, now))
        return Answer(replica=self.name, number=question.number, promised=not reason, reason=reason)

    def member(self, replica: str) -> Member | None:
        return next((each for each in self.spec.members if each.replica == replica), None)

    async def close(self) -> None:
        await self.server.close()
