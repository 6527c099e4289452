"""Asks each running container's health path, often while it starts, once a second later."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from recovery.agent.http import Getter, HttpFailure
from recovery.core.clock import SystemClock
from recovery.core.wire import ContainerSpec

STARTING_SECONDS = 0.05
SETTLED_SECONDS = 1.0
_TIMEOUT = 2.0
_FAST_LOOKS = 40
_SLOW_START_SECONDS = 0.25

Took = Callable[[str, str], Awaitable[bool]]


class Checks:
    """One small task per container. A look that this process slept through is not counted."""

    def __init__(self, address: str, clock: SystemClock, took: Took) -> None:
        self._address, self._clock, self._took = address, clock, took
        self._tasks: dict[str, tuple[ContainerSpec, asyncio.Task[None]]] = {}

    def watch(self, specs: Mapping[str, ContainerSpec]) -> None:
        """Checks exactly these from now on."""
        for placement in list(self._tasks):
            if placement not in specs or specs[placement] != self._tasks[placement][0]:
                self.drop(placement)
        for placement, spec in specs.items():
            if placement not in self._tasks:
                task = asyncio.create_task(self._check(spec), name=f"health {placement}")
                self._tasks[placement] = (spec, task)

    def drop(self, placement: str) -> None:
        held = self._tasks.pop(placement, None)
        if held is not None:
            held[1].cancel()

    def close(self) -> None:
        for placement in list(self._tasks):
            self.drop(placement)

    async def _check(self, spec: ContainerSpec) -> None:
        getter = Getter(self._address, spec.port, spec.health_path)
        looks = 0
        try:
            while True:
                before = self._clock.boottime()
                failure = await self._failure(spec, getter)
                slept = self._clock.boottime() - before > _TIMEOUT + 1.0
                settled = True if slept else await self._took(spec.placement, failure)
                looks += 1
                await asyncio.sleep(_pause(settled, looks))
        finally:
            getter.close()

    async def _failure(self, spec: ContainerSpec, getter: Getter) -> str:
        """What is wrong with its health path now, or nothing. No port: running is enough."""
        if not spec.port:
            return ""
        try:
            status = await getter.status(_TIMEOUT)
        except HttpFailure as error:
            return str(error)
        except OSError as error:
            return error.strerror or type(error).__name__
        return "" if 200 <= status < 400 else f"{spec.health_path} answered {status}"


def _pause(settled: bool, looks: int) -> float:
    if settled:
        return SETTLED_SECONDS
    return STARTING_SECONDS if looks < _FAST_LOOKS else _SLOW_START_SECONDS
