"""The backups of one Valkey or Redis primary: a snapshot when one is due."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from recovery.agent.backups.decide import snapshot_is_due
from recovery.agent.backups.keeping import Keeping, Plan
from recovery.agent.backups.snapshot import Snapshot
from recovery.agent.backups.spool import Spool
from recovery.core.archive import begun_at, coverage
from recovery.core.archive.names import milliseconds
from recovery.core.clock import system
from recovery.core.ports import ObjectStore
from recovery.core.wire.backups import BackupFact


@dataclass(frozen=True, slots=True)
class Source:
    """`database`: its id. Where its server is reached, and its members' secret."""

    replica: str
    database: str
    version: str
    address: tuple[str, int]
    secret: str = field(repr=False)


class Daily(Keeping):
    """Of the primary, for as long as it is one."""

    def __init__(
        self, source: Source, spool: Spool, stores: Sequence[ObjectStore], plan: Plan
    ) -> None:
        super().__init__(source.replica, spool, stores, plan)
        self._source = source
        self._running: Snapshot | None = None

    async def work(self, group: asyncio.TaskGroup) -> None:
        group.create_task(self.backups("snapshot", self._take))
        group.create_task(self.every("canary", self.plan.canary_seconds, self._new().sing))

    def _new(self) -> Snapshot:
        source = self._source
        return Snapshot(
            source.address,
            source.secret,
            self.spool,
            database=source.database,
            version=source.version,
        )

    async def _take(self) -> bool:
        """When the newest that the spool has is old."""
        backups = coverage(self.spool.objects.values()).backups
        begun = [begun_at(each.name.backup) for each in backups if each.is_restorable]
        if not snapshot_is_due(filter(None, begun), system.now(), self.plan.base_every):
            return False
        self._running = self._new()
        try:
            await self._running.take()
        finally:
            self._running = None
        return True

    def fact(self) -> BackupFact:
        told = super().fact()
        moment = coverage(self.spool.objects.values()).moment
        return msgspec.structs.replace(
            told,
            state="failed" if self.troubles else "streaming" if moment else "waiting",
            moment=milliseconds(moment),
            done=self._running.done if self._running else 0,
        )
