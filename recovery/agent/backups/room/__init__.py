"""Room on a spool's disk while a store is gone for long, so that neither the spool nor the database
beside it meets a full one.

Invariant: below twice the reserve that the disk leaves to others, only what a store that answered
just now says it has is forgotten (room/forget.py); and what that means is told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

from recovery.agent.backups.carry import Carrier
from recovery.agent.backups.decide import IN_FLIGHT, RESERVE
from recovery.agent.backups.room.forget import enough, forgettable, is_broken, needs_base
from recovery.agent.backups.sharing import Sharing
from recovery.agent.backups.spool import Spool
from recovery.core.archive import RetentionPolicy, coverage
from recovery.core.clock import system

_log = logging.getLogger("tocsin.agent.backups")
_ASKED_SECONDS = 20.0
NOTHING = (
    "The spool's disk is nearly full, and no store that answers has anything that may be forgotten "
    "here. Below the reserve the log waits in the server. Free space there, or bring a store back."
)


class Relief:
    """Of one spool. `trouble`: what was forgotten, and what it means; empty: nothing."""

    def __init__(
        self, spool: Spool, carriers: Sequence[Carrier], policy: RetentionPolicy, again: float
    ) -> None:
        self._spool, self._carriers, self._policy = spool, carriers, policy
        self._again = again
        self._looked = self._vain = float("-inf")
        """When it was last seen who could not go on, and last asked in vain."""
        self._lacking: dict[str, int] = {}
        """Objects that were forgotten and that a store has not, by its name."""
        self._short: list[str] = []
        self._begun: set[str] = set()
        """Stores that were looked at since this process began: it knows of no earlier one."""
        self.is_spared = False
        """The log that follows the newest backup here was forgotten in part."""
        self.since: datetime | None = None
        """When the backup was begun that is being made."""
        self.trouble = ""
        self.sharing = Sharing()

    async def look(self) -> None:
        """Makes room where there is little: its part of what lacks."""
        self.sharing.join(self)
        reserve = await self._spool.store.reserve()
        wanted = reserve + (self._for_a_base() if self.is_spared else 0)
        free = await self._spool.room()
        is_low = free < wanted
        names: tuple[str, ...] = ()
        if is_low and self._is_long_since(self._vain):
            names = await self._forget(wanted + reserve // 2)
            free = await self._spool.room()
            is_vain = not names and free < wanted
            self._vain = system.monotonic() if is_vain else float("-inf")
        await self._recall()
        is_amiss = bool(self._lacking) or self.is_spared
        if names or (is_amiss and self._is_long_since(self._looked)):
            await self._measure()
        self.trouble = self._said(is_full=free < reserve and not names)

    async def _recall(self) -> None:
        """What an earlier process forgot: what is here and a store's own do not join."""
        fresh = [
            each
            for each in self._carriers
            if each.is_listed and not each.trouble and each.store.name not in self._begun
        ]
        if not fresh:
            return
        objects = dict(self._spool.objects)
        if coverage(objects.values()).newest is None:
            return
        self.is_spared = self.is_spared or await asyncio.to_thread(is_broken, objects)
        for each in fresh:
            self._begun.add(each.store.name)
            if await asyncio.to_thread(needs_base, frozenset(each.has), objects):
                self._lacking.setdefault(each.store.name, 0)

    def _is_long_since(self, moment: float) -> bool:
        return system.monotonic() - moment >= self._again

    def _for_a_base(self) -> int:
        """What follows no backup here is of use to nobody who lacks it: the next one goes first."""
        return max(IN_FLIGHT, self._spool.needs(0)) + RESERVE

    async def _forget(self, wanted: int) -> tuple[str, ...]:
        answered = await asyncio.gather(*(self._asked(each) for each in self._carriers))
        answering = [each for each in answered if each is not None]
        if not answering:
            return ()
        spool, policy = self._spool, self._policy
        found = await asyncio.to_thread(
            forgettable, dict(spool.objects), answering, system.now(), policy, self.since
        )
        async with self.sharing.turn(self) as among:
            missing = wanted - await spool.room()
            names = enough(found, -(-missing // among))
            for name in names:
                for each in self._carriers:
                    if name not in each.has:
                        self._lacking[each.store.name] = self._lacking.get(each.store.name, 0) + 1
                await spool.forget(name)
        if names:
            _log.warning("%s: %d objects were forgotten for room", spool.database, len(names))
        return names

    async def _asked(self, carrier: Carrier) -> AbstractSet[str] | None:
        """What it has now; None where it does not say."""
        if not carrier.is_listed or carrier.trouble:
            return None
        try:
            async with asyncio.timeout(_ASKED_SECONDS):
                return frozenset(carrier.has) if await carrier.look() else None
        except TimeoutError:
            return None

    async def _measure(self) -> None:
        """Which stores could not go on with what is left here. One that is back and could is said
        to lack nothing: what it never gets is older than what it can go back to."""
        objects = dict(self._spool.objects)
        self.is_spared = await asyncio.to_thread(is_broken, objects)
        self._short = [
            each.store.name
            for each in self._carriers
            if each.store.name in self._lacking
            and await asyncio.to_thread(needs_base, frozenset(each.has), objects)
        ]
        gone = {each.store.name for each in self._carriers if each.trouble}
        kept = gone.union(self._short)
        self._lacking = {name: n for name, n in self._lacking.items() if name in kept}
        self._looked = system.monotonic()

    def _said(self, *, is_full: bool) -> str:
        said = [
            _forgotten(name, count) + (f" {name} will need a new base." * (name in self._short))
            for name, count in sorted(self._lacking.items())
        ]
        return " ".join([*said, NOTHING] if is_full else said)


def _forgotten(name: str, count: int) -> str:
    if not count:
        return f"{name} lacks log that was forgotten here, when the spool's disk was nearly full."
    return (
        f"The spool's disk is nearly full: {count} objects that {name} lacks were forgotten, "
        "for another store has them."
    )
