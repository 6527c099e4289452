"""What every replica of a host shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from recovery.adapters.fencing.fences import Fences
from recovery.agent.databases.facts import Origin
from recovery.agent.databases.lease import Ask
from recovery.agent.databases.leash import Leash
from recovery.agent.databases.records import Records
from recovery.core.clock import SystemClock
from recovery.core.gates import Gate
from recovery.core.ports import DatabaseEngine
from recovery.core.wire import DatabaseSpec, Renewal


class Restored(Protocol):
    """What restores brought to this host."""

    def origin(self, database: DatabaseSpec) -> Origin:
        """Of which restore the data in place are, as its list asks."""

    def is_staged(self, database: DatabaseSpec) -> bool:
        """Whether what its list asks for lies here, proven."""

    async def take_place(self, database: DatabaseSpec) -> None:
        """It is in place afterwards. Its server must be stopped, and its turn held."""

    async def put_back(self, database: DatabaseSpec) -> None:
        """So is what a restore took the place of that was given up. In the same way."""


@dataclass(frozen=True, slots=True)
class Tools:
    """`is_fresh`: a control plane confirmed the list in this life; `changed`: tell it soon."""

    clock: SystemClock
    records: Records
    fences: Fences
    gate: Gate
    leash: Callable[[str], Leash]
    engine: Callable[[DatabaseSpec], DatabaseEngine]
    ask: Ask
    send: Callable[[Renewal], None]
    is_fresh: Callable[[], bool]
    is_quarantined: Callable[[], bool]
    changed: Callable[[], None]
    restored: Restored
