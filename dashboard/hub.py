"""Fan-out: one look at the rows, one drawing a topic and role, a mailbox a connection.

Invariants: a connection holds at most the newest fragment of each topic, so one that is stuck
costs nobody else anything; a tick is sent only after the database was read, so a page that gets
ticks is not stale; at most four broadcasts a second; a lost doorbell costs one second.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

from django.db import DatabaseError

from dashboard.permissions import Role
from recovery.core import clock

GAP_SECONDS = 0.25
POLL_SECONDS = 1.0
TICK_SECONDS = 5.0
SIGN_IN_AGAIN = 4401
COME_BACK = 1012

Out = TypeVar("Out")
Draw = Callable[[Role, Iterable[str]], Mapping[str, str]]
"""The HTML of these topics for this role."""
log = logging.getLogger("tocsin.hub")


class Source(Protocol):
    """Where the hub looks. All of it blocks and runs in the hub's own thread."""

    def marker(self) -> object:
        """Something that differs whenever a row that a panel shows has changed."""

    def look(self) -> Draw:
        """One look at the rows, from which every role's topics are drawn: no row is read twice."""

    def roles(self, who: Mapping[str, int]) -> Mapping[str, Role]:
        """Session → role, for those of these (session → person) that are still good."""

    def stamp(self) -> Mapping[str, object]:
        """What a tick says: the hour, the build."""

    def close(self) -> None:
        """Let go of what the hub's thread holds."""


@dataclass(eq=False)
class Mailbox:
    """What waits for one connection: the newest of each topic, or why it is closed."""

    session: str
    person: int
    role: Role
    topics: frozenset[str]
    waiting: dict[str, str] = field(default_factory=dict)
    close_code: int = 0
    is_new: bool = True
    _rung: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, topic: str, message: str) -> None:
        """Replace what waits under this topic."""
        self.waiting[topic] = message
        self._rung.set()

    def close(self, code: int) -> None:
        self.close_code = code
        self._rung.set()

    async def take(self) -> dict[str, str]:
        """Everything that waits, once something does."""
        await self._rung.wait()
        self._rung.clear()
        taken, self.waiting = self.waiting, {}
        return taken


class Hub:
    """All live connections of one web process."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.boxes: set[Mailbox] = set()
        self.bell = asyncio.Event()
        self._drawn: dict[tuple[str, Role], str] = {}
        self._marker: object = None
        self._ticked = float("-inf")
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="hub")

    def join(self, box: Mailbox) -> None:
        self.boxes.add(box)
        self.bell.set()

    def leave(self, box: Mailbox) -> None:
        self.boxes.discard(box)
        wanted = {(topic, b.role) for b in self.boxes for topic in b.topics}
        self._drawn = {key: html for key, html in self._drawn.items() if key in wanted}

    def drain(self) -> None:
        """This process stops: everybody comes back to another one."""
        for box in self.boxes:
            box.close(COME_BACK)

    async def close(self) -> None:
        """Drain, and end the thread."""
        self.drain()
        await self._off_loop(self.source.close)
        self._thread.shutdown(wait=False)

    async def run(self) -> None:
        """Look whenever the bell rings, and each second anyway."""
        while True:
            with contextlib.suppress(TimeoutError):  # nothing rang: the poll of each second
                async with asyncio.timeout(POLL_SECONDS):
                    await self.bell.wait()
            self.bell.clear()
            if self.boxes:
                await self._look_on(clock.system.monotonic())
            await asyncio.sleep(GAP_SECONDS)

    async def _look_on(self, now: float) -> None:
        try:
            await self.look(now)
        except Exception:  # a panel that fails must not end the hub: no tick, pages go stale
            log.exception("A round of the hub failed.")
            self._marker = None

    async def look(self, now: float) -> None:
        """One round. A database that does not answer means no tick: pages say so themselves.

        Whoever joins while it runs is new in the next round, and gets everything then.
        """
        boxes = list(self.boxes)
        new = any(box.is_new for box in boxes)
        tick = now - self._ticked >= TICK_SECONDS
        try:
            marker = await self._off_loop(self.source.marker)
            if tick:
                await self._check_sessions(boxes)
            changed = marker != self._marker
            if tick or new or changed:
                await self._broadcast(boxes, anew=tick or changed)
            if tick or new:
                self._tick(boxes, json.dumps(await self._off_loop(self.source.stamp)), every=tick)
        except DatabaseError:
            self._marker = None
            return
        self._marker = marker
        self._ticked = now if tick else self._ticked

    async def _broadcast(self, boxes: Sequence[Mailbox], *, anew: bool) -> None:
        """Draw each topic once a role; send what differs, and everything to who is new. Where no
        row has changed, whoever is new gets what was drawn at the last tick: pages that dial again
        while drawing is slow must not make it slower."""
        draw = self.source.look()
        for role in {box.role for box in boxes}:
            mine = [box for box in boxes if box.role is role]
            wanted = {topic for box in mine for topic in box.topics}
            drawn = {} if anew else self._kept(role, wanted)
            if topics := sorted(wanted - drawn.keys()):
                drawn |= await self._off_loop(partial(draw, role, topics))
            for topic, html in drawn.items():
                changed = self._drawn.get((topic, role)) != html
                self._drawn[topic, role] = html
                told = [b for b in mine if topic in b.topics and (changed or b.is_new)]
                message = fragment(topic, html) if told else ""
                for box in told:
                    box.put(topic, message)

    def _kept(self, role: Role, wanted: Iterable[str]) -> dict[str, str]:
        keys = ((topic, role) for topic in wanted)
        return {key[0]: self._drawn[key] for key in keys if key in self._drawn}

    def _tick(self, boxes: Sequence[Mailbox], message: str, *, every: bool) -> None:
        for box in boxes:
            if every or box.is_new:
                box.put("tick", message)
            box.is_new = False

    async def _check_sessions(self, boxes: Sequence[Mailbox]) -> None:
        """Whoever signed out, or may do something else now, is sent away to come back."""
        who = {box.session: box.person for box in boxes}
        roles = await self._off_loop(lambda: self.source.roles(who))
        for box in boxes:
            role = roles.get(box.session)
            if role is None:
                box.close(SIGN_IN_AGAIN)
            elif role is not box.role:
                box.close(COME_BACK)

    async def _off_loop(self, look: Callable[[], Out]) -> Out:
        return await asyncio.get_running_loop().run_in_executor(self._thread, look)


def fragment(topic: str, html: str) -> str:
    """A region's new content as hx-ws reads it."""
    name = topic.partition(":")[0]
    return json.dumps(
        {"topic": topic, "target": f"#p-{name}", "swap": "outerMorph", "content": html}
    )
