"""The log of a primary into the spool, chunk by chunk, for as long as its server streams.

Invariants: the server is told that a position is safe only after the chunk that reaches it is on
the spool's disk, and its slot keeps the rest, so a process that is killed anywhere loses nothing;
the next one goes on exactly where the archive's names end, so nothing comes twice. A chunk's
moment was read from the server before the position that it reaches (core/archive/names.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from recovery.adapters.databases.postgresql.forks import history
from recovery.adapters.databases.postgresql.replication import LogRemoved, Marks, Replication
from recovery.agent.backups.decide import End, furthest, next_leg
from recovery.agent.backups.spool import Spool
from recovery.core.archive import Chunk, History, Line
from recovery.core.clock import system
from recovery.core.ending import end
from recovery.core.ports import EngineAway, EngineFailed, StoreError

_log = logging.getLogger("tocsin.agent.backups")
MOST = 32 << 20
"""So many bytes wait in memory at most; the server keeps the rest."""


@dataclass(frozen=True, slots=True)
class Cutting:
    """A chunk is cut at `size` bytes, or `seconds` after the one before when there is anything
    new: read every 3 s, a quote is less than 5 s off what would be lost. `idle`: between two marks
    of a server that writes nothing."""

    size: int = 1 << 20
    largest: int = 8 << 20
    seconds: float = 4.0
    idle: float = 60.0
    patience: float = 1.0


class LogStream:
    """One connection's life. `run` returns never; it raises what ended it. `begun`: is called
    whenever something comes after nothing did."""

    def __init__(
        self,
        words: Mapping[str, str],
        spool: Spool,
        cutting: Cutting,
        begun: Callable[[], None] = lambda: None,
    ) -> None:
        self._words, self._spool, self._cutting, self._begun = words, spool, cutting, begun
        self._marks = Marks(words)
        self._known: list[tuple[int, datetime]] = []
        self._asked = self._cut = self._put = float("-inf")
        self._buffer = bytearray()
        self._came, self._room = asyncio.Event(), asyncio.Event()
        self._is_newest, self._is_urgent = True, False
        self.line: Line | None = None
        self.timeline = 0
        self.archived = 0
        """Up to here everything is in the spool."""
        self.moment: datetime | None = None
        self._full = self._unproven = ""

    @property
    def trouble(self) -> str:
        return "; ".join(each for each in (self._full, self._unproven) if each)

    async def run(self, ends: tuple[End, ...]) -> None:
        """`ends`: how far the archive goes, wherever it lies, of each timeline."""
        try:
            while True:
                async with await Replication.open(self._words) as connection:
                    ends = (await self._leg(connection, ends),)
        finally:
            await self._marks.close()

    async def _leg(self, connection: Replication, ends: tuple[End, ...]) -> End:
        """One timeline, to its end or for ever."""
        it = await connection.identify()
        self.line = Line(self._spool.database, it.system)
        text = await connection.history(it.timeline)
        ended = history(it.timeline, text.decode())
        await connection.make_slot()
        begin = next_leg(furthest(ends, it.timeline, ended), it.timeline, it.position, ended)
        await self._tell_histories(text.decode(), it.timeline)
        self.timeline, self.archived = begin.timeline, begin.position
        self._is_newest = begin.timeline == it.timeline
        self._buffer.clear()
        self._known.clear()
        await connection.start(begin.timeline, begin.position)
        connection.confirm(begin.position)
        reading = asyncio.create_task(self._read(connection))
        try:
            await self._ship(connection, reading)
            await reading
            await connection.end_of_timeline()
        finally:
            await end([reading])
        return End(self.timeline, self.archived)

    async def _tell_histories(self, text: str, timeline: int) -> None:
        """Of this timeline and of those before it: each is the beginning of the next one's."""
        assert self.line is not None
        lines = [each for each in text.splitlines(keepends=True) if each.split("#")[0].strip()]
        ended = history(timeline, text)
        for number, (parent, child) in enumerate(pairwise(ended), start=1):
            name = str(History(self.line, child.timeline, parent.timeline, parent.end))
            if name not in self._spool.objects:
                await self._spool.put(name, "".join(lines[:number]).encode())

    # ------------------------------------------------------------------ from the server

    async def _read(self, connection: Replication) -> None:
        comes = False
        async for piece in connection.stream():
            if not comes:
                comes = True
                self._begun()
            if piece.is_urgent:
                self._is_urgent = True
                self._came.set()
            if not piece.data:
                continue
            here = self.archived + len(self._buffer)
            if piece.start > here:
                raise EngineFailed("the server left out a part of its log")
            self._buffer += piece.data[here - piece.start :]
            self._came.set()
            while len(self._buffer) >= MOST:
                self._room.clear()
                await self._room.wait()

    async def _mark(self) -> None:
        """Asks the server, at most a few times a second. It speaks of its newest timeline alone.

        One that stops answers no questions and still sends its last bytes, so without an answer
        nothing is proven, and the stream goes on: its own silence says when the server is away."""
        if not self._is_newest or system.monotonic() - self._asked < self._cutting.patience / 4:
            return
        try:
            moment, position = await self._marks.ask()
        except EngineAway as error:
            self._unproven = f"no newer moment is proven: {error}"
        else:
            self._unproven = ""
            self._known.append((position, moment))
        self._asked = system.monotonic()

    # ------------------------------------------------------------------ into the spool

    async def _ship(self, connection: Replication, reading: asyncio.Task[None]) -> None:
        """Until the timeline has ended and everything of it is in the spool."""
        while True:
            await self._due(reading)
            is_over, is_urgent, self._is_urgent = reading.done(), self._is_urgent, False
            if self._buffer:
                await self._prove(reading)
                await self._put_chunk(self._cutting.largest)
            elif not is_over and not is_urgent:
                await self._mark()
                if system.monotonic() - self._put >= self._cutting.idle and self._proven():
                    await self._put_chunk(0)
            if not reading.done():
                connection.confirm(self.archived)
            elif is_over and not self._buffer:
                return

    async def _due(self, reading: asyncio.Task[None]) -> None:
        """Returns when a chunk is to be cut, or nothing has come for so long."""
        cutting, began = self._cutting, system.monotonic()
        while not reading.done() and len(self._buffer) < cutting.size and not self._is_urgent:
            now = system.monotonic()
            since = self._cut if self._buffer else began
            left = since + cutting.seconds - now
            if left <= 0:
                return
            self._came.clear()
            await self._came_or_ended(reading, left)

    async def _came_or_ended(self, reading: asyncio.Task[None], seconds: float) -> None:
        reading.add_done_callback(self._wake)
        try:
            async with asyncio.timeout(seconds):
                await self._came.wait()
        except TimeoutError:
            return
        finally:
            reading.remove_done_callback(self._wake)

    def _wake(self, ended: asyncio.Task[None]) -> None:
        del ended
        self._came.set()

    async def _prove(self, reading: asyncio.Task[None]) -> None:
        """A fresh mark, and a moment's wait until what it speaks of has come."""
        await self._mark()
        position = self._known[-1][0] if self._known else 0
        deadline = system.monotonic() + self._cutting.patience
        while self.archived + len(self._buffer) < position and not reading.done():
            left = deadline - system.monotonic()
            if left <= 0 or len(self._buffer) >= self._cutting.largest:
                return
            self._came.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, 0.1)):
                    await self._came.wait()

    def _proven(self) -> bool:
        return bool(self._known) and self._known[0][0] <= self.archived

    async def _put_chunk(self, size: int) -> None:
        """Everything that waits, up to `size`; tried again while the spool takes nothing."""
        assert self.line is not None
        plain = bytes(self._buffer[:size])
        stop = self.archived + len(plain)
        moments = [moment for position, moment in self._known if position <= stop]
        moment = moments[-1] if moments else None
        name = str(Chunk(self.line, self.timeline, self.archived, stop, moment))
        while True:
            try:
                await self._spool.put(name, plain)
            except StoreError as error:
                self._full = str(error)
                _log.warning("the spool takes nothing: %s", error)
                await self._let_go()
                await asyncio.sleep(1.0)
            else:
                break
        self._full = ""
        del self._buffer[: len(plain)]
        self._room.set()
        self._known = [each for each in self._known if each[0] > stop]
        self._cut = self._put = system.monotonic()
        self.archived, self.moment = stop, moment or self.moment

    async def _let_go(self) -> None:
        """A slot keeps the log on the database's own disk: it is given up before that is full."""
        if await self._spool.store.is_pressing():
            raise LogRemoved(
                "the disk that the spool shares with the server is nearly full, and the server "
                "keeps its log back for the archive no longer"
            )
