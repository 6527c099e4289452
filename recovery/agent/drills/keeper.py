"""Keeps what the newest list wants, removes what it does not, and tells what is left.

Invariants: a name that is in no list is removed if this host has a note or a folder of it, and is
told as left until neither the disk nor the table of processes has anything of it; what the engine
has beyond that is none of ours: it is told and never touched; what the plan or the pinned keys do
not allow never begins; without a control plane everything stays as it was told last.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from recovery.agent.drills import remains
from recovery.agent.drills.approved import DrillApprovals, is_plain
from recovery.agent.drills.book import DrillBook
from recovery.agent.drills.thing import Ground, Thing
from recovery.core.errors import TocsinError
from recovery.core.ports import EngineAway
from recovery.core.wire.drills import DrillFact, DrillList, DrillRemains, DrillReport, DrillWish

_log = logging.getLogger("tocsin.agent.drills")
ROUND_SECONDS = 0.5
GRACE_SECONDS = 2.0
_SHOWN = 3


class DrillKeeper:
    """All drills of one host."""

    def __init__(self, ground: Ground, book: DrillBook, approvals: DrillApprovals, boot: str):
        self._ground, self._book, self._approvals = ground, book, approvals
        self._boot = boot
        self._things: dict[str, Thing] = {}
        self._refused: dict[str, str] = {}
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await self._round()
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(ROUND_SECONDS):
                        await self._wake.wait()
        finally:
            for thing in self._things.values():
                await thing.close()
            await self._ground.engine.close()

    async def _round(self) -> None:
        """One that could not look is none; the next one does it."""
        try:
            await self.round()
        except (OSError, TocsinError) as error:
            _log.warning("a round of drills broke off: %s", error)

    async def take(self, told: DrillList) -> None:
        """Only a newer one."""
        if await asyncio.to_thread(self._book.take, told):
            self._wake.set()

    async def round(self) -> None:
        """One look, and what follows from it."""
        told = self._book.newest
        wanted = {wish.name: wish for wish in told.wishes}
        self._refused = {name: why for name, why in self._refused.items() if name in wanted}
        for name in await self._ours() - wanted.keys():
            await self._remove(name)
        for name, wish in wanted.items():
            if self._book.newest is not told:
                return  # what was read is older than what is told: nothing of it begins any more
            if name not in self._things and name not in self._refused:
                self._begin(wish, told)

    async def report(self) -> DrillReport:
        """What is here now, looked at anew, and of which list."""
        left, trouble, told = [], "", self._book.newest
        wanted = {wish.name for wish in told.wishes}
        facts = [thing.fact() for name, thing in self._things.items() if name in wanted]
        facts += [
            DrillFact(name=name, state="refused", said=why) for name, why in self._refused.items()
        ]
        try:
            names = sorted(await self._names())
            working = await asyncio.to_thread(remains.look) if names else ()
            for name in names:
                what = await self._left(name, working)
                left += [DrillRemains(name=name, what=_short(what))] if what else []
        except (OSError, EngineAway) as error:
            trouble = f"this host could not look everywhere: {error}"
        return DrillReport(
            boot=self._boot,
            incarnation=told.incarnation,
            revision=told.revision,
            facts=tuple(facts),
            left=tuple(left),
            trouble=trouble,
        )

    # ------------------------------------------------------------------ one of them

    def _begin(self, wish: DrillWish, told: DrillList) -> None:
        why = "its name is no folder's." if not is_plain(wish.name) else ""
        why = why or self._approvals.refuse(wish, told.words)
        if why:
            _log.warning("%s is refused: %s", wish.name, why)
            self._refused[wish.name] = why
            return
        thing = self._things[wish.name] = Thing(wish, self._ground)
        thing.begin()

    async def _remove(self, name: str) -> None:
        """As far as this round gets; the next one goes on."""
        thing = self._things.pop(name, None)
        if thing is not None:
            await thing.close()
        try:
            await self._ground.engine.stop(name, GRACE_SECONDS)
            await asyncio.to_thread(remains.remove, self._ground.spot(name))
            if not _but_note(await self._left(name)):
                self._ground.note(name).unlink(missing_ok=True)
        except (OSError, EngineAway) as error:
            _log.warning("%s: some of it is left: %s", name, error)

    async def _ours(self) -> frozenset[str]:
        """What was begun here: its note was on the disk before anything else of it."""
        on_disk = await asyncio.to_thread(remains.names_in, self._ground.folder)
        return on_disk | self._things.keys()

    async def _names(self) -> frozenset[str]:
        """Of whatever is here, or runs under our engine."""
        seats = {sight.placement for sight in await self._ground.engine.look()}
        return await self._ours() | seats

    async def _left(self, name: str, working: remains.Working | None = None) -> tuple[str, ...]:
        spot, note = self._ground.spot(name), self._ground.note(name)
        found = await asyncio.to_thread(remains.remains_of, spot, note, working)
        seats = [one for one in await self._ground.engine.look() if one.placement == name]
        at_work = ("its work",) if name in self._things else ()
        return (
            *at_work,
            *found,
            *(f"container {one.container} ({'runs' if one.running else 'ended'})" for one in seats),
        )


def _short(what: tuple[str, ...]) -> tuple[str, ...]:
    """For a frame: what is first, and how much more there is."""
    more = len(what) - _SHOWN
    return what if more <= 0 else (*what[:_SHOWN], f"and {more} more")


def _but_note(left: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one for one in left if not one.startswith("note "))
