"""Replicas that are not in the list any more: their servers end, their data stay.

Invariants: nobody waits for an ending, so that a server which does not end keeps neither the
session nor another database's grants waiting; what does not end is asked again, and said in the
log, until it has; its record is put away only once nothing of it runs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from recovery.agent.databases.leash import Leash, WatchdogAway
from recovery.core.ending import end
from recovery.core.errors import Refused
from recovery.core.ports import EngineAway, EngineFailed

_log = logging.getLogger("tocsin.agent.endings")
MOST_SECONDS = 60.0
AGAIN_FIRST, AGAIN_LAST = 1.0, 30.0


class RunsOn(RuntimeError):
    """A task that no cancellation ends: only a new process is rid of it. Its supervisor makes one,
    within every lease."""


class Running(Protocol):
    """What a replica's ending needs of its server."""

    @property
    def leash(self) -> Leash: ...

    async def stop(self) -> None: ...


class Ending(Protocol):
    """What an ending needs of a replica."""

    @property
    def name(self) -> str: ...

    @property
    def server(self) -> Running: ...

    async def close(self) -> None: ...


class Endings:
    """Those of one host. `put_away`: its record, once nothing of it runs; `take_up`: whatever is
    wanted of it again by then."""

    def __init__(
        self,
        put_away: Callable[[str], Awaitable[None]],
        take_up: Callable[[str], Awaitable[None]],
    ) -> None:
        self._put_away, self._take_up = put_away, take_up
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._waiting: list[Callable[[], None]] = []

    def __contains__(self, name: str) -> bool:
        return name in self._tasks

    def begin(self, replica: Ending, rounds: asyncio.Task[None]) -> None:
        """`rounds`: the task that minds it until now."""
        work = self._end(replica, rounds)
        self._tasks[replica.name] = asyncio.create_task(work, name=f"ending {replica.name}")

    def after(self, tell: Callable[[], None]) -> None:
        """Tells once nothing is about to end: now, if nothing is."""
        self._waiting.append(tell)
        self._tell()

    def check(self) -> None:
        """Raises what an ending failed at that it cannot try again."""
        for task in self._tasks.values():
            if task.done():
                task.result()

    async def close(self) -> None:
        """What has not ended by now is the next agent's to end: its record is still there."""
        await end(self._tasks.values())

    # ------------------------------------------------------------------ inside

    async def _end(self, replica: Ending, rounds: asyncio.Task[None]) -> None:
        if await end([rounds]):
            raise RunsOn(f"{replica.name} is not in the list any more, and is minded on")
        wait = AGAIN_FIRST
        while why := await _why_not_ended(replica.server):
            _log.warning("%s: is not in the list any more, and does not end: %s", replica.name, why)
            await asyncio.sleep(wait)
            wait = min(wait * 2, AGAIN_LAST)
        await replica.close()
        await self._put_away(replica.name)
        del self._tasks[replica.name]
        await self._take_up(replica.name)
        self._tell()

    def _tell(self) -> None:
        if not self._tasks:
            waiting, self._waiting = self._waiting, []
            for tell in waiting:
                tell()


async def _why_not_ended(server: Running) -> str:
    """One attempt, in bounded time: in order, then its watchdog with all that is left of it."""
    why = ""
    try:
        async with asyncio.timeout(MOST_SECONDS):
            try:
                await server.stop()
            except (WatchdogAway, Refused, EngineAway, EngineFailed, OSError) as error:
                why = str(error)
            await server.leash.quit()
    except TimeoutError:
        return why or f"no end within {MOST_SECONDS:.0f} s"
    except (WatchdogAway, OSError) as error:
        return why or str(error)
    return ""
