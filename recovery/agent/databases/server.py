"""One database server with its watchdog, its gate and its record: the acts.

Invariants: the gate stands before the server does; a primary bound to a lease is neither started
nor promoted without one where its watchdog is the gate; the record says what the data are before
anything can follow from it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
from collections.abc import Callable
from typing import TypeVar

import msgspec

from recovery.agent.databases.facts import Act, Deed, admits_by_address, is_bound
from recovery.agent.databases.lease import Lease, Ties
from recovery.agent.databases.leash import Sight, WatchdogAway
from recovery.agent.databases.records import Record
from recovery.agent.databases.sights import LOOK_SECONDS, Silence
from recovery.agent.databases.tools import Tools
from recovery.core.ending import end
from recovery.core.errors import Refused
from recovery.core.ports import EngineAway, EngineFailed, Kept, ServerFacts
from recovery.core.wire import DatabaseSpec, Grant

T = TypeVar("T")
_log = logging.getLogger("tocsin.agent.server")
STOP_SECONDS = 10.0
START_SECONDS = 60.0
RIGHT_SECONDS = 4.0
HAND_OVER_SECONDS = 3.0
_ANSWERED_SECONDS = 1.5
ORDERLY = "exit code 0"
"""What a watchdog says of a server that ended by itself when it was asked to."""


class Server:
    """The one of `spec.replica`. Acts are the caller's to order: one at a time."""

    def __init__(self, spec: DatabaseSpec, tools: Tools, on_end: Callable[[], None]) -> None:
        self.spec, self._tools, self._tell_end = spec, tools, on_end
        self.engine = tools.engine(spec)
        self.leash = tools.leash(spec.replica)
        self.sight: Sight | None = None
        self.seen: ServerFacts | None = None
        self.seen_at = float("-inf")
        self.seen_after = (0, 0, 0)
        """Epoch, life of the agent and number of the newest grant that had come when it began."""
        self.silence = Silence()
        self.configured: DatabaseSpec | None = None
        self.ended_at: int | None = None
        self.lease: Lease | None = None
        self._leasing: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self._watched = -1

    @property
    def name(self) -> str:
        return self.spec.replica

    @property
    def record(self) -> Record:
        return self._tools.records.get(self.name)

    @property
    def fenced(self) -> int:
        return self._tools.fences.epoch(self.name)

    @property
    def is_running(self) -> bool:
        return self.sight is not None and self.sight.pid != 0

    async def note(self, **changes: object) -> None:
        """The record with these changes, durable when this returns."""
        await self.decide(lambda record: (msgspec.structs.replace(record, **changes), None))

    async def decide(self, judge: Callable[[Record], tuple[Record, T]]) -> T:
        """As `Records.decide`; in a thread."""
        return await asyncio.to_thread(self._tools.records.decide, self.name, judge)

    # ------------------------------------------------------------------ looking

    async def look(self) -> None:
        """What watchdog and server say now. Raises `WatchdogAway`."""
        before = self.sight
        self.sight = await self.leash.hold()
        if not self.is_running:
            self.seen, self.silence = None, Silence()
            return
        if before is None or before.pid != self.sight.pid:
            self._watch(self.sight.pid)
        began, after = self._tools.clock.boottime(), self._granted
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                self.seen = await self.engine.look(self.spec)
            self.seen_at, self.seen_after, self.silence = began, after, Silence()
        except (EngineAway, TimeoutError):
            self.seen = None
            self.silence = self.silence.miss(began, self._tools.clock.boottime())

    @property
    def _granted(self) -> tuple[int, int, int]:
        rules = self.lease.rules if self.lease else None
        return (rules.epoch, rules.incarnation, rules.echo) if rules else (0, 0, 0)

    def is_answering(self, seconds: float) -> bool:
        """Whether a look that began so recently was answered."""
        return self._tools.clock.boottime() - self.seen_at <= seconds

    # ------------------------------------------------------------------ acts

    async def perform(self, act: Act) -> None:
        """Does it. Raises `EngineFailed`, `EngineAway`, `WatchdogAway` or `Refused`."""
        match act.deed:
            case Deed.MAKE:
                await self.engine.make(self.spec)
                await self.note(role="primary", led=self.spec.epoch)
            case Deed.CLONE:
                await self.engine.clone(self.spec)
                await self.note(role="standby", apart=0)
            case Deed.START:
                await self.start()
            case Deed.STOP:
                await self.stop()
            case Deed.REJOIN:
                await self.rejoin()
            case Deed.REPOINT:
                await self.engine.repoint(self.spec)
                self.configured = self.spec
            case Deed.CONFIGURE:
                await self.engine.configure(self.spec)
                self.configured = self.spec
            case Deed.MEASURE:
                found = await self.engine.divergence(self.spec)
                await self.note(alone=found.alone)

    async def start(self) -> None:
        """Runs as what its data are; a primary behind a watchdog's gate gets its lease first."""
        self.ended_at = None
        record, spec = self.record, self.spec
        if record.role == "out":
            await self.note(role=spec.role, led=spec.epoch if spec.role == "primary" else 0)
            record = self.record
        if record.apart:
            await self.note(apart=0)
        is_primary = record.role == "primary" and spec.role == "primary"
        await self.guard()
        if is_primary and is_bound(spec) and self._tools.gate.kind == "watchdog":
            await self.win_right()
        starting = spec if is_primary else msgspec.structs.replace(spec, role="standby")
        await self.engine.arrange(starting)
        command = self.engine.command(starting)
        await self.leash.start(
            command.argv,
            command.environment,
            command.folder,
            command.log,
            is_primary=is_primary,
            epoch=spec.epoch,
        )
        self.sight = await self.leash.look()
        self._watch(self.sight.pid)
        await self._until_it_accepts()
        self.configured = starting
        await self.look()

    async def _until_it_accepts(self) -> None:
        """Gives up at once when it ended."""
        self._ended.clear()
        waiting = asyncio.ensure_future(self.engine.accepts(START_SECONDS))
        ending = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait({waiting, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                self.sight = await self.leash.look()
                raise EngineAway(f"ended while it started: {self.sight.ended}")
            waiting.result()
        except EngineAway:
            if self.lease is not None:
                self.lease.give_up()
            raise
        finally:
            await end((waiting, ending))

    @property
    def is_gated(self) -> bool:
        """Whether a gate stands before it: it is bound to a lease, or was fenced, or its data are
        still a primary's and another one leads. Such a server may run yet: its gate is not taken
        away with its lease, or it would take what its clients' kernels send again."""
        was_primary = self.record.role == "primary" and self.spec.role != "primary"
        return is_bound(self.spec) or self.spec.epoch <= self.fenced or was_primary

    async def guard(self) -> None:
        """The gate as this spec wants it: before the server starts, and when peers change."""
        gate, spec = self._tools.gate, self.spec
        if not self.is_gated:
            await gate.release(self.name, spec.port)
            return
        if self.is_running and self.seen and self.seen.role == "primary" and self._is_to_hand_over:
            return  # without a lease a watchdog's gate kills it; its stop follows, then its gate
        leads = self.is_running and self.record.role == "primary" and spec.role == "primary"
        if leads and spec.lease is not None and spec.epoch > self.fenced:
            deadline = self._tools.clock.boottime() + spec.lease.length
            await gate.arm(self.name, spec.port, self._peers(), spec.epoch, deadline)
        await gate.guard(self.name, spec.port, self._peers())

    @property
    def _ends_before_it_closes(self) -> bool:
        """Whether a closed gate leaves it no way to hand over what its standbys lack: a watchdog
        kills it, and the kernel's keeps peers out where nobody tells them from clients."""
        return self._tools.gate.kind == "watchdog" or not admits_by_address(self.spec)

    @property
    def _is_to_hand_over(self) -> bool:
        """Its list came before the order to hand over: the stop that follows from it ends it in
        order, and says where; until then, at most, the lease that it had bounds its writes."""
        return self.spec.role != "primary" and self._ends_before_it_closes

    def _peers(self) -> tuple[str, ...]:
        if not admits_by_address(self.spec):
            return ()
        others = (each.address for each in self.spec.members if each.replica != self.name)
        return tuple(address for address in others if _is_address(address))

    async def stop(self) -> None:
        """In order; killed after a while. Its lease ends with it."""
        await self.drop_lease()
        if self.is_gated and not self._ends_before_it_closes:
            await self._tools.gate.close(self.name)
        await self._end(STOP_SECONDS)
        if self.is_gated and self._tools.gate.kind == "nftables":
            await self._tools.gate.close(self.name)
        if self.is_running:
            raise WatchdogAway(f"{self.name} does not end")

    async def _end(self, seconds: float) -> None:
        """Notes where a primary ended that ended in order: it told its standbys everything before.
        Whoever was killed may have acknowledged more than it was last seen to hold."""
        before = self.seen if self.is_running else None
        self.sight = await self.leash.stop(self.engine.command(self.spec).polite, seconds)
        self.seen = None
        if before is None or before.role != "primary":
            return
        self.ended_at = None
        if self.sight.ended == ORDERLY:
            with contextlib.suppress(EngineFailed, EngineAway, OSError):
                told = await self.engine.ended_at()
                self.ended_at = max(before.position, told or 0)

    async def rejoin(self) -> None:
        """Stopped data follow the primary afterwards; what only they had is kept and told."""
        done = await self.engine.rejoin(self.spec)
        _log.info("%s: %s %s", self.name, done.how, done.detail)
        alone = done.divergence.alone
        if alone and done.kept:
            alone = f"{alone}; kept on its host in {done.kept}"
        await self.note(role="standby", led=0, alone=alone, apart=0)

    async def keep(self) -> Kept:
        """Stopped data are put aside as they are: nothing is left that it could follow with, so
        that it is cloned anew."""
        kept = await self.engine.keep()
        await self.note(role="out", led=0, apart=0)
        return kept

    async def promote(self) -> None:
        """A running standby becomes the primary of `spec.epoch`; open once its lease is granted."""
        if self.spec.epoch <= self.fenced:
            raise Refused(f"fenced at epoch {self.fenced}", field="epoch")
        await self.guard()
        if is_bound(self.spec):
            if self._tools.gate.kind == "watchdog":
                await self.win_right()
            else:
                await self.begin_lease()
        await self.leash.demand("promote", {"epoch": self.spec.epoch})
        await self.note(role="primary", led=self.spec.epoch)
        await self.engine.promote(self.spec)
        self.configured = self.spec
        await self.look()

    async def fence(self, operation: str, epoch: int) -> str:
        """Closed for good at this epoch; the receipt. A server that could not hand over what its
        standbys lack any more is asked to end first."""
        if self.lease is not None and self.lease.epoch <= epoch:
            self.lease.rules.fence()
            await self.drop_lease()
        is_leading = self.is_running and self.seen is not None and self.seen.role == "primary"
        if is_leading and self._ends_before_it_closes:
            await self._end(HAND_OVER_SECONDS)
        await self._tools.gate.guard(self.name, self.spec.port, self._peers())
        return await self._tools.gate.fence(operation, self.name, epoch)

    # ------------------------------------------------------------------ the lease

    async def mind_lease(self) -> None:
        """A primary that runs and is meant to be one has a lease; nobody else does."""
        spec, seen = self.spec, self.seen
        is_wanted = spec.role == "primary" and spec.lease is not None and spec.epoch > self.fenced
        if self.lease is not None and (not is_wanted or self.lease.epoch != spec.epoch):
            await self.drop_lease()
            if self.is_gated and self.is_running and not self._is_to_hand_over:
                await self._tools.gate.close(self.name)
        if spec.role == "primary" and seen is not None and seen.role == "primary":
            if is_wanted and self.lease is None:
                await self.guard()
                await self.begin_lease()
            if self.record.led != spec.epoch and spec.epoch > self.fenced:
                await self.note(led=spec.epoch)
        if self.lease is not None:
            self.lease.update(spec)

    async def begin_lease(self) -> None:
        terms = self.spec.lease
        if self.lease is not None and self.lease.epoch == self.spec.epoch:
            return
        await self.drop_lease()
        if terms is None:
            raise Refused("there is no lease to be had for it now", field="lease")
        goes_on = self.record.role == "primary" and self.spec.role == "primary"
        left = await self._tools.gate.left(self.name) if goes_on else 0.0
        self.lease = Lease(self.spec, terms, self._ties(), left)
        self._leasing = asyncio.create_task(self.lease.run(), name=f"lease {self.name}")

    async def win_right(self) -> None:
        """Asks for a lease although the server does not run yet, and waits for the grant."""
        await self.begin_lease()
        assert self.lease is not None
        if not self.lease.is_open() and not await self.lease.obtain(RIGHT_SECONDS):
            raise Refused(f"no lease was granted within {RIGHT_SECONDS:.0f} s", field="lease")

    async def drop_lease(self) -> None:
        task, self._leasing, self.lease = self._leasing, None, None
        if task is not None:
            await end([task])

    async def granted(self, grant: Grant) -> None:
        if self.lease is not None:
            await self.lease.granted(grant)

    def _ties(self) -> Ties:
        tools, terms = self._tools, self.spec.lease
        recent = max(_ANSWERED_SECONDS, 3 * terms.every if terms else 0.0)
        return Ties(
            gate=tools.gate,
            clock=tools.clock,
            incarnation=tools.records.incarnation,
            send=tools.send,
            ask=tools.ask,
            answering=lambda _: self.is_answering(recent),
            position=lambda _: self.seen.position if self.seen else 0,
        )

    # ------------------------------------------------------------------ its end

    def _watch(self, pid: int) -> None:
        """Wakes whoever waits at the process's end."""
        self._unwatch()
        with contextlib.suppress(OSError):
            self._watched = os.pidfd_open(pid)
            asyncio.get_running_loop().add_reader(self._watched, self._on_end)

    def _on_end(self) -> None:
        self._unwatch()
        self._ended.set()
        self._tell_end()

    def _unwatch(self) -> None:
        if self._watched >= 0:
            asyncio.get_running_loop().remove_reader(self._watched)
            os.close(self._watched)
            self._watched = -1

    async def close(self) -> None:
        """Lets go; watchdog, server and an open gate stay."""
        await self.drop_lease()
        self._unwatch()
        self.leash.close()
        await self.engine.close()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
