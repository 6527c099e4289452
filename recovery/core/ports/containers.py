"""The port of container engines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from recovery.core.errors import TocsinError
from recovery.core.wire import ContainerSpec


class StartFailed(TocsinError):
    """The container could not be started; the message says why, nothing was left running."""


class EngineAway(TocsinError):
    """The engine cannot be asked now: nothing is known, nothing may be concluded."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One container of ours that the engine knows now, running or ended.

    `started` is the host's BOOTTIME in seconds at its start; `ended` says how it ended.
    """

    placement: str
    application: str
    container: str
    generation: int
    running: bool
    started: float = 0.0
    ended: str = ""


class Containers(Protocol):
    """An engine that runs containers on this host.

    Invariants: at most one container per placement; a start of what runs already changes
    nothing; containers outlive the process that started them, and the next one finds them
    by `look`; a container that ended stays visible until `stop` or `start` of its placement.
    """

    name: str

    async def start(self, spec: ContainerSpec) -> None:
        """Starts it, returns when it is started (not yet healthy). Raises `StartFailed`."""

    async def stop(self, placement: str, grace: float) -> None:
        """Asks it to end, kills it after `grace` seconds; returns when it is gone, seat and all."""

    async def look(self) -> tuple[Sight, ...]:
        """Everything of ours, observed now. Raises `EngineAway`, as the others may."""

    def on_change(self, wake: Callable[[], None]) -> None:
        """Calls `wake` soon after a container ended by itself."""

    async def close(self) -> None:
        """Lets go of the engine; the containers stay."""
