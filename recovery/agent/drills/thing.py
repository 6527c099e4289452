"""One thing of a drill, from its note to its end: a database or an application.

Invariants: the note is on the disk before anything else; what a crash broke off before it had a
result is removed and begun anew; nothing of it is reached from outside this host's own network.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from recovery.agent.backups.restoring.bringing import Measured, Progress, bring
from recovery.agent.disk import write_atomic
from recovery.agent.drills import remains
from recovery.agent.drills.servers import Ask, standing
from recovery.agent.health import STARTING_SECONDS
from recovery.agent.http import Getter, HttpFailure
from recovery.core.clock import system
from recovery.core.ending import end
from recovery.core.errors import TocsinError
from recovery.core.ports import Containers, EngineFailed, Place, StartFailed
from recovery.core.wire.backups import RestoreResult
from recovery.core.wire.drills import DrillFact, DrillState, DrillWish

ASK_SECONDS = 1.0
HTTP_SECONDS = 2.0
UP_SECONDS = 60.0
"""Within which an application has to answer after its start."""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """On the disk as long as anything of it may be. `wish` without its plan."""

    wish: DrillWish
    result: RestoreResult | None = None


class Ground(msgspec.Struct, frozen=True):
    """Of this host. `folder`: of its drills; `seats`: of what the process adapter starts for them;
    `backups`: which holds keys and credentials."""

    folder: Path
    seats: Path
    backups: Path
    engine: Containers
    address: str
    measured: Measured

    def home(self, name: str) -> Path:
        return self.folder / name

    def spot(self, name: str) -> remains.Spot:
        return remains.Spot(self.home(name), self.seats / name)

    def note(self, name: str) -> Path:
        return self.folder / f"{name}.json"


class Thing:
    """One that is to stand, while its task runs."""

    def __init__(self, wish: DrillWish, ground: Ground) -> None:
        self.wish, self._ground = wish, ground
        self._state: DrillState = "beginning"
        self._said, self._is_up = "", False
        self._result: RestoreResult | None = None
        self._progress: Progress | None = None
        self.task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self.task = asyncio.create_task(self._run(), name=f"drill {self.wish.name}")

    async def close(self) -> None:
        """What runs of it ends with its task, but for containers, which the engine keeps."""
        if self.task is not None:
            await end([self.task])

    def fact(self) -> DrillFact:
        said = self._said
        if self.task is not None and self.task.done() and self._state != "failed":
            self._state, self._is_up, said = "failed", False, f"it broke off: {self.task}"
        if self._state == "beginning" and self._progress is not None:
            said = self._progress.phase
        return DrillFact(
            name=self.wish.name,
            state=self._state,
            is_up=self._is_up,
            said=said[:500],
            result=self._result,
        )

    async def _run(self) -> None:
        try:
            async with self._stands() as ask:
                self._state = "stands"
                while True:
                    await self._asked(ask)
                    await asyncio.sleep(ASK_SECONDS)
        except (TocsinError, OSError, msgspec.MsgspecError) as error:
            self._state, self._is_up, self._said = "failed", False, str(error)

    async def _asked(self, ask: Ask) -> None:
        try:
            await ask()
            self._is_up, self._said = True, ""
        except (TocsinError, HttpFailure, OSError) as error:
            self._is_up, self._said = False, f"it does not answer: {error}"

    @asynccontextmanager
    async def _stands(self) -> AsyncIterator[Ask]:
        if self.wish.database is not None:
            async with self._database() as ask:
                yield ask
        else:
            async with self._application() as ask:
                yield ask

    # ------------------------------------------------------------------ a database

    @asynccontextmanager
    async def _database(self) -> AsyncIterator[Ask]:
        wish, ground = self.wish, self._ground
        spec, restore = wish.database, wish.restore
        if spec is None or restore is None:
            raise EngineFailed("a database of a drill names its restore")
        spot = ground.spot(wish.name)
        place = Place(spot.home, ground.address)
        await asyncio.to_thread(remains.end_processes, spot)
        self._result = await asyncio.to_thread(self._noted)
        if self._result is None:
            await asyncio.to_thread(remains.remove, spot)
            await self._write(None)
            self._progress = Progress(measured=ground.measured)
            self._result = await bring(spec, restore, place, ground.backups, self._progress)
            await self._write(self._result)
        async with standing(spec, restore.restore, place) as ask:
            yield ask

    def _noted(self) -> RestoreResult | None:
        try:
            raw = self._ground.note(self.wish.name).read_bytes()
            return msgspec.json.decode(raw, type=Note).result
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    async def _write(self, result: RestoreResult | None) -> None:
        raw = msgspec.json.encode(Note(wish=self.wish, result=result))
        await asyncio.to_thread(write_atomic, self._ground.note(self.wish.name), raw)

    # ------------------------------------------------------------------ an application

    @asynccontextmanager
    async def _application(self) -> AsyncIterator[Ask]:
        spec, engine = self.wish.container, self._ground.engine
        if spec is None or spec.placement != self.wish.name:
            raise StartFailed("an application of a drill stands under the drill's name")
        await self._write(None)
        await engine.start(spec)
        getter = Getter(self._ground.address, spec.port, spec.health_path)

        async def ask() -> None:
            status = await getter.status(HTTP_SECONDS)
            if not 200 <= status < 400:
                raise StartFailed(f"{spec.health_path} answered {status}")

        try:
            await _first(ask)
            yield ask
        finally:
            getter.close()


async def _first(ask: Ask) -> None:
    """Its first answer; why there is none, when its time is over."""
    deadline = system.monotonic() + UP_SECONDS
    while True:
        try:
            return await ask()
        except (TocsinError, HttpFailure, OSError) as error:
            if system.monotonic() > deadline:
                raise StartFailed(f"it did not answer in {UP_SECONDS:.0f} s: {error}") from error
        await asyncio.sleep(STARTING_SECONDS)
