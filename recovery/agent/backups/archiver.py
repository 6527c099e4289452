"""The backups of one primary: log, bases, stores, retention, canaries, side by side.

Invariant: whatever of it fails is tried again and told; none stops another, and nothing of it
touches the server's own work but by reading.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from recovery.adapters.databases.postgresql.replication import LogRemoved, Replication
from recovery.agent.backups import canary
from recovery.agent.backups.base import BaseBackup
from recovery.agent.backups.carry import Carrier
from recovery.agent.backups.decide import End, base_is_due, end_of
from recovery.agent.backups.spool import Spool
from recovery.agent.backups.stream import Cutting, LogStream
from recovery.core.archive import RetentionPolicy, coverage, retention
from recovery.core.archive.names import milliseconds
from recovery.core.clock import system
from recovery.core.errors import Refused
from recovery.core.ports import EngineAway, EngineFailed, ObjectStore, StoreError
from recovery.core.wire.backups import BackupFact, StoreFact

_log = logging.getLogger("tocsin.agent.backups")


@dataclass(frozen=True, slots=True)
class Plan:
    """How often, and how long it is kept. The spool keeps less than the stores, so nothing that
    was removed there comes back from here."""

    cutting: Cutting = field(default_factory=Cutting)
    base_every: timedelta = timedelta(days=1)
    kept: RetentionPolicy = field(default_factory=RetentionPolicy)
    spool: RetentionPolicy = field(default_factory=lambda: RetentionPolicy(backups=1, days=0))
    lock: timedelta | None = None
    retention_seconds: float = 3600.0
    look_seconds: float = 10.0
    canary_seconds: float = 60.0
    retry_seconds: float = 2.0
    fast: bool = False


@dataclass(frozen=True, slots=True)
class Primary:
    """How its server is reached: libpq's words, as the replication role and as the probe."""

    replica: str
    version: str
    replication: Mapping[str, str] = field(repr=False)
    probe: Mapping[str, str] = field(repr=False)


class Archiver:
    """Runs until it is cancelled."""

    def __init__(
        self, primary: Primary, spool: Spool, stores: Sequence[ObjectStore], plan: Plan
    ) -> None:
        self._primary, self._spool, self._plan = primary, spool, plan
        self.carriers = tuple(Carrier(spool, store, plan.lock) for store in stores)
        self.stream: LogStream | None = None
        self.base: BaseBackup | None = None
        self._troubles: dict[str, str] = {}
        self._gap = False

    async def run(self) -> None:
        """Never returns."""
        await self._repeat("spool", self._spool.open, once=True)
        async with asyncio.TaskGroup() as group:
            for carrier in self.carriers:
                group.create_task(carrier.run())
            group.create_task(self._repeat("log", self._stream))
            group.create_task(self._every("base", self._plan.look_seconds, self._base))
            group.create_task(
                self._every("retention", self._plan.retention_seconds, self._retention)
            )
            group.create_task(self._every("canary", self._plan.canary_seconds, self._canary))

    async def _every(self, name: str, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self._repeat(name, act, once=True)
            await asyncio.sleep(seconds)

    async def _repeat(
        self, name: str, act: Callable[[], Awaitable[None]], *, once: bool = False
    ) -> None:
        """Until it succeeds, or for ever."""
        while True:
            try:
                await act()
            except* (EngineAway, EngineFailed, StoreError, Refused) as errors:
                self._tell(name, "; ".join(_words(errors)))
            else:
                self._troubles.pop(name, None)
                if once:
                    return
            await asyncio.sleep(self._plan.retry_seconds)

    def _tell(self, name: str, words: str) -> None:
        """Once, however often it is tried again."""
        if self._troubles.get(name) != words:
            _log.warning("%s of %s: %s", name, self._spool.database, words)
        self._troubles[name] = words

    # ------------------------------------------------------------------ the log

    async def _stream(self) -> None:
        if self._gap:
            async with await Replication.open(self._primary.replication) as connection:
                await connection.drop_slot()
        end = None if self._gap else await self._end()
        self._gap = False
        self.stream = LogStream(self._primary.replication, self._spool, self._plan.cutting)
        try:
            await self.stream.run(end)
        except LogRemoved as error:
            self._gap = True
            raise EngineFailed(f"{error}: a new base begins a new chain") from error

    async def _end(self) -> End | None:
        """The furthest that this spool or any store that answers has."""
        system_id = await self._system()
        names = set(self._spool.objects)
        for carrier in self.carriers:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(30):
                    await carrier.tried.wait()
            names |= carrier.has
        return end_of(names, system_id)

    async def _system(self) -> str:
        async with await Replication.open(self._primary.replication) as connection:
            return (await connection.identify()).system

    # ------------------------------------------------------------------ at times

    async def _base(self) -> None:
        """When one is due by what the spool itself has."""
        stream = self.stream
        if stream is None or stream.line is None or self._gap:
            return
        seen = coverage(self._spool.objects.values())
        if not base_is_due(seen, system.now(), self._plan.base_every, stream.line.system):
            return
        await self.take_base()

    async def take_base(self) -> None:
        """Now."""
        base = BaseBackup(
            self._primary.replication, self._spool, self._primary.version, fast=self._plan.fast
        )
        self.base = base
        try:
            await base.take()
        finally:
            self.base = None

    async def _retention(self) -> None:
        """The spool first: what it no longer has is carried nowhere."""
        now, policy = system.now(), self._plan.spool
        for name in retention(self._spool.objects.values(), now, policy):
            if all(name in carrier.has for carrier in self.carriers):
                await self._spool.forget(name)
        for carrier in self.carriers:
            if not carrier.is_listed:
                continue
            seen = await carrier.store.list(f"{self._spool.database}/")
            for name in retention(seen, now, self._plan.kept):
                await carrier.store.delete(name)
                carrier.has.discard(name)

    async def _canary(self) -> None:
        await canary.sing(self._primary.probe, system.now())

    # ------------------------------------------------------------------ told

    def fact(self) -> BackupFact:
        """As of now."""
        stream, base = self.stream, self.base
        is_streaming = (
            stream is not None and stream.line is not None and "log" not in self._troubles
        )
        troubles = [*self._troubles.values(), stream.trouble if stream else ""]
        return BackupFact(
            replica=self._primary.replica,
            database=self._spool.database,
            state="streaming" if is_streaming else "failed" if self._troubles else "waiting",
            timeline=stream.timeline if stream else 0,
            position=stream.archived if stream else 0,
            moment=milliseconds(stream.moment if stream else None),
            done=base.done if base else 0,
            total=base.total if base else 0,
            spool_bytes=self._spool.size,
            stores=tuple(self._store(carrier) for carrier in self.carriers),
            trouble="; ".join(each for each in troubles if each),
        )

    def _store(self, carrier: Carrier) -> StoreFact:
        missing = carrier.missing
        since = self._spool.since(missing)
        lag = system.now() - since if since else timedelta(0)
        return StoreFact(
            name=carrier.store.name,
            place=carrier.store.describe(),
            newest_at=milliseconds(carrier.newest),
            missing=len(missing),
            lag_ms=int(lag.total_seconds() * 1000),
            trouble=carrier.trouble,
        )


def _words(errors: BaseExceptionGroup[BaseException]) -> list[str]:
    found: list[str] = []
    for each in errors.exceptions:
        found += _words(each) if isinstance(each, BaseExceptionGroup) else [str(each)]
    return found
