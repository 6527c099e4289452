"""The backups of one PostgreSQL primary: its log, bases and canaries beside what all have.

Invariant: nothing of it touches the server's own work but by reading, and by a canary a minute,
which comes as a client does: a gate that is closed keeps it out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec

from recovery.adapters.databases.postgresql.replication import LogRemoved, Marks, Replication
from recovery.agent.backups import canary
from recovery.agent.backups.base import BaseBackup
from recovery.agent.backups.decide import End, base_is_due, ends_of, room_for
from recovery.agent.backups.keeping import Keeping, Plan
from recovery.agent.backups.spool import Spool
from recovery.agent.backups.stream import LogStream
from recovery.core.archive import coverage
from recovery.core.archive.names import milliseconds
from recovery.core.clock import system
from recovery.core.ports import EngineFailed, ObjectStore
from recovery.core.wire.backups import BackupFact

_LISTED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Primary:
    """How its server is reached: libpq's words, to read its log and as the probe."""

    replica: str
    version: str
    replication: Mapping[str, str] = field(repr=False)
    probe: Mapping[str, str] = field(repr=False)


class Archiver(Keeping):
    """Of the primary, for as long as it is one."""

    def __init__(
        self, primary: Primary, spool: Spool, stores: Sequence[ObjectStore], plan: Plan
    ) -> None:
        super().__init__(primary.replica, spool, stores, plan)
        self._primary = primary
        self.stream: LogStream | None = None
        self.base: BaseBackup | None = None
        self._gap = False

    async def work(self, group: asyncio.TaskGroup) -> None:
        plan = self.plan
        group.create_task(self.every("log", plan.retry_seconds, self._stream))
        group.create_task(self.backups("base", self._base))
        group.create_task(self.every("canary", plan.canary_seconds, self._canary))

    # ------------------------------------------------------------------ the log

    async def _stream(self) -> None:
        async with await Replication.open(self._primary.replication) as connection:
            if self._gap:
                await connection.drop_slot()
            it = await connection.identify()
        ends = () if self._gap else await self._ends(it.system)
        self._gap = False
        words, cutting = self._primary.replication, self.plan.cutting
        self.stream = LogStream(words, self.spool, cutting, self._comes)
        try:
            await self.stream.run(ends)
        except LogRemoved as error:
            self._gap = True
            raise EngineFailed(f"{error}: a new base begins a new chain") from error

    def _comes(self) -> None:
        """An act that never returns has succeeded when its log comes again."""
        self.troubles.pop("log", None)

    async def _ends(self, system_id: str) -> tuple[End, ...]:
        """The furthest that this spool or any store that answers has, of each timeline."""
        names = set(self.spool.objects)
        for carrier in self.carriers:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LISTED_SECONDS):
                    await carrier.tried.wait()
            names |= carrier.has
        return ends_of(names, system_id)

    # ------------------------------------------------------------------ at times

    async def _base(self) -> bool:
        """When one is due by what the spool itself has, while its log comes."""
        stream = self.stream
        if stream is None or stream.line is None or self._gap or "log" in self.troubles:
            return False
        seen = coverage(self.spool.objects.values())
        every, line = self.plan.base_every, stream.line
        spared = min(every, self.plan.spared) if self.relief.is_spared else timedelta(0)
        if not base_is_due(seen, system.now(), every, line.system, spared):
            return False
        await self.take_base()
        return True

    async def take_base(self) -> None:
        """Now. `Refused` where the spool's disk lacks the room."""
        primary = self._primary
        marks = Marks(primary.replication)
        try:
            needs = self.spool.needs(await marks.size())
        finally:
            await marks.close()
        room_for(self.spool.database, needs, await self.spool.room())
        base = BaseBackup(primary.replication, self.spool, primary.version, fast=self.plan.fast)
        self.base, self.relief.since = base, system.now()
        try:
            await base.take()
        finally:
            self.base = self.relief.since = None

    async def _canary(self) -> None:
        await canary.sing(self._primary.probe, system.now())

    # ------------------------------------------------------------------ told

    def fact(self) -> BackupFact:
        told, stream, base = super().fact(), self.stream, self.base
        if stream is None:
            return told
        is_streaming = stream.line is not None and "log" not in self.troubles
        return msgspec.structs.replace(
            told,
            state="streaming" if is_streaming else told.state,
            timeline=stream.timeline,
            position=stream.archived,
            moment=milliseconds(stream.moment),
            done=base.done if base else 0,
            total=base.total if base else 0,
            trouble="; ".join(each for each in (told.trouble, stream.trouble) if each),
        )
