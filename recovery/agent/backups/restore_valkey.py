"""A Valkey or Redis database brought back from a snapshot, verified before anything is replaced.

A private server loads the snapshot (and reads its checksum), writes it as the append-only file
that our servers start from, and a second one must read the same number of keys from that, but for
those that ended by themselves meanwhile. Folder, swap and sweep as in restore.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import threading
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from recovery.adapters.databases.folders import Folder
from recovery.adapters.databases.running import alone
from recovery.adapters.databases.valkey.comparing import private_server
from recovery.adapters.databases.valkey.programs import installed, major, program_for
from recovery.adapters.databases.valkey.session import Session
from recovery.agent.backups.fetch import HOST, ArchiveFault, RestoreRefused, Source, blamed
from recovery.agent.backups.progress import Progress
from recovery.agent.backups.restore import Restored, clear, put_in_place, sweep
from recovery.agent.backups.restoring.unpack import Pace, laid, settle
from recovery.agent.backups.snapshot import CANARY
from recovery.core.archive import Manifest, RestorePlan
from recovery.core.archive.names import instant
from recovery.core.clock import system
from recovery.core.ports import EngineAway, EngineFailed
from recovery.engines.places import door

_WRITING_SECONDS = 600.0
_RESERVE = 64 << 20
_LOADED = 3
"""Times that every byte passes a server: loaded, written as its log, loaded from that."""
_PASSING = ("expires", "keys_with_volatile_items", "subexpiry")
"""INFO's words for keys that end by themselves: whole ones; by their fields (Valkey, Redis)."""


class RestoreValkey:
    """One restore into the folder of a replica."""

    def __init__(self, source: Source, folder: Path, version: str) -> None:
        self._source, self._version = source, version
        self._target = Folder(folder)
        self.progress = Progress()

    async def run(self, to: datetime | None = None, *, timeline: int = 0) -> Restored:
        """To the newest snapshot, or to the one of that moment; it has one history, whatever
        `timeline` says. Data in place must be a stopped server's. Raises `RestoreRefused`,
        `EngineFailed` or `StoreError`."""
        began = system.monotonic()
        await sweep(self._target.path)
        plan, manifest = await self._source.plan(to)
        self._check(plan, manifest)
        folder = self._target.path / f"restore-{secrets.token_hex(4)}.partial"
        try:
            async with alone(folder) as lock:
                data = folder / "data"
                await self._fill(data, plan, manifest)
                fetched = system.monotonic() - began
                canary = await self._proven(data, lock)
                self.progress.phase = "putting in place"
                await settle(folder)
                await self._swap(data)
        finally:
            await asyncio.to_thread(clear, folder)
        self.progress.ended()
        seconds = system.monotonic() - began
        size = self.progress.done
        return Restored(plan.name.backup, plan.moment, canary, 0, size, seconds, fetched)

    def _check(self, plan: RestorePlan, manifest: Manifest) -> None:
        wanted = major(self._version)
        if manifest.engine != "valkey":
            raise self._source.refused(
                str(plan.name), f"backup {manifest.backup} is one of {manifest.engine}"
            )
        if manifest.major != wanted:
            here = ", ".join(str(each) for each in sorted(installed()))
            said = (
                f"host: backup {manifest.backup} is version {manifest.major}'s, and {wanted} was "
                f"asked for; this host has {here}"
            )
            raise RestoreRefused(self._source.refused("", said).refusal)
        self._target.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        free = shutil.disk_usage(self._target.path).free
        if free < 3 * manifest.plain + _RESERVE:
            raise EngineFailed(
                f"host: the snapshot needs {(3 * manifest.plain + _RESERVE) >> 20} MiB, "
                f"{free >> 20} MiB are free",
                kept="Nothing was changed.",
                todo="Free space on this host.",
            )

    async def _fill(self, data: Path, plan: RestorePlan, manifest: Manifest) -> None:
        plain, progress = manifest.plain, self.progress
        progress.begin("fetching the snapshot", total=plain, replay=_LOADED * plain)
        pace, file = Pace(data.parent, progress.is_safe), Snapshot(_begun(data, manifest.major))
        try:
            async with contextlib.aclosing(self._source.parts(plan, manifest)) as pieces:
                async for piece in pieces:
                    await laid(partial(file.lay, piece))
                    await pace.wrote(len(piece), len(piece))
                    progress.came(len(piece))
        finally:
            await laid(file.close)
            await pace.end()
        self._source.let_go()
        await settle(data.parent)
        progress.brought()

    async def _proven(self, data: Path, lock: int) -> datetime | None:
        try:
            return await self._prove(data, lock)
        except EngineFailed as error:
            raise blamed(str(error)) from error

    async def _prove(self, data: Path, lock: int) -> datetime | None:
        self.progress.phase = "loading it"
        program = program_for(self._version)
        socket = door(data.parent / "private.sock")
        socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        async with private_server(program, data, socket, lock, appendonly=False) as session:
            loaded = await session.info()
            self.progress.replayed(self.progress.total)
            sung = await session.say("GET", CANARY)
            self.progress.phase = "writing its log"
            await session.say("CONFIG SET", "appendonly", "yes")
            await _written(session)
            self.progress.replayed(2 * self.progress.total)
        (data / "dump.rdb").unlink()
        self.progress.phase = "asking it"
        async with private_server(program, data, socket, lock) as session:
            again = await session.info()
        self.progress.proving()
        check_same(loaded, again)
        return instant(int(sung)) if sung else None

    async def _swap(self, data: Path) -> None:
        async with alone(self._target.path):
            put_in_place(self._target, data)


async def _written(session: Session) -> None:
    """Returns when the append-only file holds everything."""
    deadline = system.monotonic() + _WRITING_SECONDS
    while True:
        info: dict[str, Any] = await session.info()
        running = info["aof_rewrite_in_progress"] or info["aof_rewrite_scheduled"]
        if not running and info["aof_enabled"]:
            if info["aof_last_bgrewrite_status"] != "ok":
                raise EngineFailed(f"{HOST} the restored server could not write its log")
            return
        if system.monotonic() > deadline:
            raise EngineAway("the restored server did not write its log in time")
        await asyncio.sleep(0.05)


def _begun(data: Path, version: int) -> int:
    """The folder with our marks in it; the snapshot's file, open."""
    data.mkdir(mode=0o700)
    (data / "VERSION").write_text(str(version))
    (data / "whole").touch(mode=0o600)
    return os.open(data / "dump.rdb", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def check_same(loaded: dict[str, Any], again: dict[str, Any]) -> None:
    """Of what two servers say of one snapshot. Raises where the later one has other keys than those
    whose own time, or the time of whose fields, may have come between."""
    count, came = _keys(loaded), _keys(again)
    passing = sum(_keys(loaded, field) for field in _PASSING)
    if not count - passing <= came <= count:
        raise ArchiveFault(f"{count} keys were restored, {came} came back after a start")


def _keys(info: dict[str, Any], field: str = "keys") -> int:
    """In all numbered databases."""
    found = (info[f"db{number}"] for number in range(16) if f"db{number}" in info)
    return sum(int(each.get(field, 0)) for each in found)


class Snapshot:
    """Its file. Both may be asked for by any thread: whoever was cancelled leaves one behind that
    writes, and the number of a file that is closed meanwhile is soon another's."""

    def __init__(self, handle: int) -> None:
        self._handle, self._turn, self._is_over = handle, threading.Lock(), False

    def lay(self, piece: memoryview) -> None:
        """After what came before."""
        with self._turn:
            while piece and not self._is_over:
                piece = piece[os.write(self._handle, piece) :]

    def close(self) -> None:
        """Nothing is written afterwards."""
        with self._turn:
            self._is_over = True
            os.close(self._handle)
