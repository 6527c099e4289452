"""The weaker gate, where there is no kernel's: each server's watchdog kills it in time.

Closed means here that no process of the server runs: it is killed at the lease's end and by a
fence, and stopped in its tracks (SIGSTOP) while the agent is in doubt. What makes it weaker: a
watchdog that is itself held up (a hang of the whole host) lets its server go on for that moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from recovery.adapters.fencing.fences import Fences
from recovery.agent.databases.leash import Leash
from recovery.core.errors import Refused
from recovery.core.gates import GateKind
from recovery.core.wire import receipt_bytes

_KILLING_SECONDS = 0.1
"""A lease ends for the watchdog this much earlier: to kill a tree takes some hundredths."""


class WatchdogGate:
    """All gates of this host: one leash each."""

    kind: GateKind = "watchdog"

    def __init__(
        self, leash: Callable[[str], Leash], fences: Fences, sign: Callable[[bytes], str]
    ) -> None:
        self._leash, self._fences, self._sign = leash, fences, sign

    async def guard(self, replica: str, port: int, peers: tuple[str, ...]) -> None:
        leash = self._leash(replica)
        sight = await leash.hold()
        fenced = self._fences.epoch(replica)
        if not sight.is_gate or sight.fenced < fenced:
            await leash.demand("gate", {"on": True, "fenced": fenced})

    async def extend(self, replica: str, epoch: int, deadline: float) -> None:
        if epoch <= (fenced := self._fences.epoch(replica)):
            raise Refused(f"epoch {epoch} is not above {fenced}, fenced here", field="epoch")
        fields = {"epoch": epoch, "deadline": deadline - _KILLING_SECONDS}
        await self._leash(replica).demand("lease", fields)

    async def close(self, replica: str) -> None:
        await self._leash(replica).demand("pause")

    async def fence(self, operation: str, replica: str, epoch: int) -> str:
        await asyncio.to_thread(self._fences.raise_to, replica, epoch)
        leash = self._leash(replica)
        await leash.hold()
        sight = await leash.demand("fence", {"epoch": epoch})
        if sight.pid and sight.is_primary and sight.epoch <= epoch:
            raise Refused("its server could not be killed", field="replica")
        return self._sign(receipt_bytes(operation, replica, epoch))

    async def left(self, replica: str) -> float:
        sight = await self._leash(replica).look()
        return 0.0 if sight.is_paused or not sight.pid else sight.left

    async def arm(
        self, replica: str, port: int, peers: tuple[str, ...], epoch: int, deadline: float
    ) -> None:
        sight = await self._leash(replica).hold()
        if not sight.is_gate:
            await self.extend(replica, epoch, deadline)
            await self.guard(replica, port, peers)

    async def release(self, replica: str, port: int) -> None:
        leash = self._leash(replica)
        if (await leash.hold()).is_gate:
            await leash.demand("gate", {"on": False})
