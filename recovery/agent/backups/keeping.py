"""What the backups of every engine share: the spool, its stores, retention, what is told.

Invariant: whatever fails is tried again and told once; none of it stops another.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from recovery.agent.backups.carry import Carrier
from recovery.agent.backups.decide import of_now, pause, slowness
from recovery.agent.backups.room import Relief
from recovery.agent.backups.spool import Spool
from recovery.agent.backups.stream import Cutting
from recovery.core.archive import RetentionPolicy, coverage, retention
from recovery.core.archive.names import milliseconds
from recovery.core.clock import system
from recovery.core.errors import Refused
from recovery.core.ports import EngineAway, EngineFailed, ObjectStore, StoreError, StoreRefused
from recovery.core.wire.backups import BackupFact, StoreFact

_log = logging.getLogger("tocsin.agent.backups")
_dice = secrets.SystemRandom()
Act = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How often, and how long it is kept. The spool keeps less than the stores, so nothing that
    was removed there comes back from here. `stagger`: seconds that a first backup waits, so that
    the databases of a host do not begin together. `again_seconds`: after a backup that failed,
    twice as long after each more, up to `longest_seconds`. `slow_seconds`: a store whose log is as
    much behind is said to be slow. `spared`: from one base to the next where only a log that was
    forgotten for want of room asks for it."""

    cutting: Cutting = field(default_factory=Cutting)
    base_every: timedelta = timedelta(days=1)
    kept: RetentionPolicy = field(default_factory=RetentionPolicy)
    spool: RetentionPolicy = field(default_factory=lambda: RetentionPolicy(backups=1, days=0))
    lock: timedelta | None = None
    retention_seconds: float = 3600.0
    look_seconds: float = 10.0
    canary_seconds: float = 60.0
    retry_seconds: float = 2.0
    again_seconds: float = 60.0
    longest_seconds: float = 3600.0
    slow_seconds: float = 60.0
    spared: timedelta = timedelta(hours=1)
    stagger: float = 0.0
    fast: bool = False


class Keeping(ABC):
    """The backups of one database. Runs until it is cancelled."""

    def __init__(
        self, replica: str, spool: Spool, stores: Sequence[ObjectStore], plan: Plan
    ) -> None:
        self.replica, self.spool, self.plan = replica, spool, plan
        self.carriers = tuple(Carrier(spool, store, plan.lock) for store in stores)
        self.relief = Relief(spool, self.carriers, plan.spool, 6 * plan.look_seconds)
        self.troubles: dict[str, str] = {}
        self.keeps_all = False

    async def run(self) -> None:
        """Never returns."""
        await self.until_done("spool", self._open)
        async with asyncio.TaskGroup() as group:
            for carrier in self.carriers:
                group.create_task(carrier.run())
            group.create_task(self.every("retention", self.plan.retention_seconds, self._retention))
            group.create_task(self.every("room", self.plan.look_seconds, self.relief.look))
            await self.work(group)

    async def _open(self) -> None:
        """What a killed process began is nobody's: the next backup has another name."""
        await self.spool.open()
        for left in coverage(self.spool.objects.values()).orphans:
            await self.spool.forget(left.name)

    @abstractmethod
    async def work(self, group: asyncio.TaskGroup) -> None:
        """What this engine needs beside it."""

    async def every(self, name: str, seconds: float, act: Act) -> None:
        """For ever."""
        while True:
            await self.until_done(name, act)
            await asyncio.sleep(seconds)

    async def until_done(self, name: str, act: Act) -> None:
        """Again and again until it succeeds."""
        while True:
            if await self._tried(name, act):
                return
            await asyncio.sleep(self.plan.retry_seconds)

    async def backups(self, name: str, act: Callable[[], Awaitable[bool]]) -> None:
        """For ever. `act` says whether it made one; one that fails is begun again later and later,
        for each of them costs the server and the disk a whole copy."""
        failed, plan = 0, self.plan

        async def once() -> None:
            nonlocal failed
            failed += 1
            try:
                is_made = await act()
            except Refused:  # before it began
                failed -= 1
                raise
            failed = 0 if is_made else failed - 1

        await asyncio.sleep(plan.stagger)
        while True:
            is_done = await self._tried(name, once)
            again = pause(failed, plan.again_seconds, plan.longest_seconds, _dice.random())
            await asyncio.sleep(plan.look_seconds if is_done else again)

    async def _tried(self, name: str, act: Act) -> bool:
        """Whether it succeeded. A cancellation that was swallowed on the way (a group of tasks
        tells its errors instead) ends it all the same: an agent never hangs at its stop."""
        is_done = await self._attempted(name, act)
        ours = asyncio.current_task()
        if ours is not None and ours.cancelling():
            raise asyncio.CancelledError
        return is_done

    async def _attempted(self, name: str, act: Act) -> bool:
        try:
            await act()
        except* (EngineAway, EngineFailed, StoreError, Refused) as errors:
            words = "; ".join(_words(errors))
            if self.troubles.get(name) != words:
                _log.warning("%s of %s: %s", name, self.spool.database, words)
            self.troubles[name] = words
        else:
            self.troubles.pop(name, None)
        return name not in self.troubles

    async def _retention(self) -> None:
        """The spool first: what it no longer has is carried nowhere. A store that is away keeps
        none of the others from theirs, and is told at the end. Frozen, nothing is removed for its
        age; a spool that is full is another matter (`Spool`)."""
        if self.keeps_all:
            return
        now = system.now()
        here = of_now(self.spool.objects.values(), now)
        for name in retention(here, now, self.plan.spool):
            if all(name in carrier.has for carrier in self.carriers):
                await self.spool.forget(name)
        troubles: list[StoreError] = []
        for carrier in self.carriers:
            try:
                await self._retained(carrier, now)
            except StoreError as error:
                troubles.append(error)
        if troubles:
            raise ExceptionGroup("retention", troubles)

    async def _retained(self, carrier: Carrier, now: datetime) -> None:
        if not carrier.is_listed:
            return
        seen = await carrier.store.list(f"{self.spool.database}/")
        for name in retention(seen, now, self.plan.kept):
            if self.keeps_all:
                return
            if await _deleted(carrier.store, name):
                carrier.has.discard(name)

    # ------------------------------------------------------------------ told

    def fact(self) -> BackupFact:
        """As of now."""
        return BackupFact(
            replica=self.replica,
            database=self.spool.database,
            state="failed" if self.troubles else "waiting",
            spool_bytes=self.spool.size,
            stores=tuple(self._store(carrier) for carrier in self.carriers),
            trouble="; ".join(filter(None, (*self.troubles.values(), self.relief.trouble))),
        )

    def _store(self, carrier: Carrier) -> StoreFact:
        missing = carrier.missing
        lag = self.spool.age(missing)
        log = self.spool.age([name for name in missing if "/wal/" in name])
        slow = ""
        if log.total_seconds() >= self.plan.slow_seconds:
            slow = slowness(carrier.store.name, log, len(missing), carrier.speed)
        return StoreFact(
            name=carrier.store.name,
            place=carrier.store.describe(),
            newest_at=milliseconds(carrier.newest),
            missing=len(missing),
            lag_ms=int(lag.total_seconds() * 1000),
            trouble=carrier.trouble or slow,
        )


async def _deleted(store: ObjectStore, name: str) -> bool:
    """False while it is locked: its turn comes when the lock ends."""
    try:
        await store.delete(name)
    except StoreRefused as error:
        if error.field != "lock":
            raise
        return False
    return True


def _words(errors: BaseExceptionGroup[BaseException]) -> list[str]:
    found: list[str] = []
    for each in errors.exceptions:
        found += _words(each) if isinstance(each, BaseExceptionGroup) else [str(each)]
    return found
