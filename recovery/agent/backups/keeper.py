"""The backups of this host's primaries: begun and ended as the lists say who is one.

Invariants: only a primary is archived, and a standby's server keeps no log for an archive (a slot
that an old primary left would fill its disk); one database's trouble is its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from recovery.agent.backups.sharing import Sharing
from recovery.core.ending import end
from recovery.core.errors import TocsinError
from recovery.core.ports import Place
from recovery.core.wire import DatabaseSpec, ReplicaFact
from recovery.core.wire.backups import BackupFact, BackupSpec

if TYPE_CHECKING:
    from recovery.agent.backups.keeping import Keeping

_log = logging.getLogger("tocsin.agent.backups")
_AGAIN = 10.0


@dataclass(slots=True)
class _Running:
    """One database's backups, by the list that they were begun with."""

    spec: DatabaseSpec
    task: asyncio.Task[None]
    keeping: Keeping | None = None
    trouble: str = ""

    def heed(self, spec: DatabaseSpec) -> None:
        """A list that says only whether anything may be removed begins nothing anew."""
        self.spec = spec
        if self.keeping is not None:
            self.keeping.keeps_all = spec.backup is not None and spec.backup.keeps_all


class BackupKeeper:
    """`folder`: this host's backups (stores.py). `place`: where a database's server is."""

    def __init__(self, folder: Path, place: Callable[[DatabaseSpec], Place]) -> None:
        self._folder, self._place = folder, place
        self._running: dict[str, _Running] = {}
        self._freed: dict[str, asyncio.Task[None]] = {}
        self._sharing = Sharing()

    def follow(self, seen: Sequence[tuple[DatabaseSpec, ReplicaFact]]) -> None:
        """What this host's replicas are wanted to be, and are."""
        wanted = {spec.replica: spec for spec, fact in seen if _is_archived(spec, fact)}
        known = {spec.replica: (spec, fact) for spec, fact in seen}
        for name, running in list(self._running.items()):
            spec = known[name][0] if name in known else None
            if running.task.done():
                _log.error("backups of %s ended: %r", running.spec.name, running.task.exception())
                del self._running[name]
            elif spec is None or not _may_be_archived(spec) or _differs(spec, running.spec):
                running.task.cancel()
                del self._running[name]
            else:
                running.heed(spec)
        for name, spec in wanted.items():
            if name not in self._running:
                self._begin(spec)
        for name, (spec, fact) in known.items():
            self._free(name, spec, fact)

    def facts(self) -> tuple[BackupFact, ...]:
        return tuple(_fact(running) for running in self._running.values())

    async def close(self) -> None:
        """The slots stay: whoever comes next goes on."""
        await end([*(each.task for each in self._running.values()), *self._freed.values()])

    # ------------------------------------------------------------------ a primary

    def _begin(self, spec: DatabaseSpec) -> None:
        task = asyncio.create_task(self._keep(spec), name=f"backups of {spec.name}")
        self._running[spec.replica] = _Running(spec, task)
        self._freed.pop(spec.replica, None)

    async def _keep(self, spec: DatabaseSpec) -> None:
        """For ever. What cannot even begin is told, and tried again."""
        while True:
            await asyncio.sleep(0)
            running = self._running.get(spec.replica)
            try:
                keeping = await asyncio.to_thread(_made, spec, self._place(spec), self._folder)
                if running is not None:
                    running.keeping, running.trouble = keeping, ""
                    running.heed(running.spec)
                await self._kept(keeping)
            except (TocsinError, OSError) as error:
                _log.warning("backups of %s: %s", spec.name, error)
                if running is not None:
                    running.trouble = str(error)
            await asyncio.sleep(_AGAIN)

    async def _kept(self, keeping: Keeping) -> None:
        keeping.relief.sharing = self._sharing
        try:
            await keeping.run()
        finally:
            self._sharing.leave(keeping.relief)
            for carrier in keeping.carriers:
                await carrier.store.close()

    # ------------------------------------------------------------------ a standby

    def _free(self, name: str, spec: DatabaseSpec, fact: ReplicaFact) -> None:
        """Once in each life as a standby."""
        is_standby = spec.role == "standby" and fact.state == "running" and spec.backup
        if spec.engine != "postgresql" or not is_standby or name in self._freed:
            return
        self._freed[name] = asyncio.create_task(self._drop_slot(spec))

    async def _drop_slot(self, spec: DatabaseSpec) -> None:
        while True:
            with contextlib.suppress(TocsinError):
                from recovery.agent.backups import making  # noqa: PLC0415

                await making.free_slot(spec, self._place(spec))
                return
            await asyncio.sleep(_AGAIN)


def _is_archived(spec: DatabaseSpec, fact: ReplicaFact) -> bool:
    leads = fact.role == "primary" and not fact.adopted
    return spec.backup is not None and _may_be_archived(spec) and leads and fact.state == "running"


def _may_be_archived(spec: DatabaseSpec) -> bool:
    """Not before a restore in its place is over: if that is given up, the archive would have a
    history that was left, and refuse the one that serves."""
    return spec.role == "primary" and not spec.adopts


def _differs(spec: DatabaseSpec, other: DatabaseSpec) -> bool:
    """Whether the backups have to be begun anew."""
    ours = (_where(spec), spec.port, spec.secret, spec.version, spec.name)
    return ours != (_where(other), other.port, other.secret, other.version, other.name)


def _where(spec: DatabaseSpec) -> BackupSpec | None:
    """All that its backups are made by, but whether anything may be removed."""
    return spec.backup and msgspec.structs.replace(spec.backup, keeps_all=False)


def _made(spec: DatabaseSpec, place: Place, folder: Path) -> Keeping:
    """Late: a host without databases needs none of the libraries."""
    from recovery.agent.backups import making  # noqa: PLC0415

    return making.keeping_for(spec, place, folder)


def _fact(running: _Running) -> BackupFact:
    if running.keeping is None or running.trouble:
        spec = running.spec
        state = "failed" if running.trouble else "waiting"
        return BackupFact(
            replica=spec.replica, database=spec.name, state=state, trouble=running.trouble
        )
    return running.keeping.fact()
