"""A user who writes to one database all the time, and knows what was acknowledged.

Invariants: one number at a time while all is well; while it is not, fresh connections are tried
side by side, so that a dead one costs its own patience and not the others'; of the connections
that reached a server only one waits for an acknowledgement, so that a database that holds its
commits back is not filled with waiting connections; one that says that it is full is tried ever
more seldom, until it says anything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from recovery.core.clock import Clock
from recovery.core.ending import end
from recovery.lab.databases.clients import Full, NotWritten, Session
from recovery.lab.databases.gauge import Gap, Gauge
from recovery.lab.databases.ledger import Ledger

EVERY = 0.1
PATIENCE = 2.0
"""Seconds that a user waits for a connection, and again for an acknowledgement."""
TRY_EVERY = 0.3
"""While nothing is acknowledged, a fresh connection is tried this often."""
LEAVES_ALONE = 4
"""How often that is doubled at most, each time that a server says that it is full: 4.8 s."""
DOUBT = 0.5
"""A write that takes longer is overtaken by fresh connections."""
FORGET_EVERY = 5_000
"""Acknowledged writes between two clean-ups of the database."""

Connect = Callable[[], Awaitable[Session]]


class Writer:
    """Writes until cancelled. `changed` is called at each change of state."""

    def __init__(
        self,
        connect: Connect,
        ledger: Ledger,
        clock: Clock,
        *,
        changed: Callable[[], None],
        told: Callable[[Gap, tuple[int, ...]], None],
    ) -> None:
        self._connect, self._ledger, self._clock = connect, ledger, clock
        self._changed, self._told = changed, told
        self.gauge = Gauge()
        self.lost: set[int] = set()
        self._waiting = 0
        self._fulls = 0
        self._gap: Gap | None = None

    async def run(self) -> None:
        """For ever."""
        hanging: asyncio.Task[None] | None = None
        while True:
            session = await self._reconnected(hanging)
            hanging = None
            try:
                await self._compare(session)
                hanging = await self._write_on(session)
            except (NotWritten, TimeoutError) as error:
                self._fail(error)
            finally:
                if hanging is None:
                    session.close()

    # ------------------------------------------------------------------ while all is well

    async def _write_on(self, session: Session) -> asyncio.Task[None]:
        """Ten a second until one takes too long: that one, still waiting. `NotWritten`: refused."""
        due = self._clock.monotonic()
        for count in range(1, 1_000_000_000):
            due = max(due + EVERY, self._clock.monotonic())
            await asyncio.sleep(max(0.0, due - self._clock.monotonic()))
            write = asyncio.ensure_future(self._write(session))
            done, _ = await asyncio.wait({write}, timeout=DOUBT)
            if not done:
                self._fail(TimeoutError(f"no acknowledgement within {DOUBT} s"))
                return write
            await write
            if count % FORGET_EVERY == 0:
                async with asyncio.timeout(PATIENCE):
                    await session.forget(self._ledger.floor)
        raise AssertionError("a billion writes took three years")

    async def _write(self, session: Session) -> None:
        """One number; closes the connection when it is not acknowledged in time."""
        number = self._ledger.next()
        try:
            async with asyncio.timeout(PATIENCE):
                await session.write(number)
        except BaseException:
            session.close()
            raise
        self._acknowledge(number)

    # ------------------------------------------------------------------ while it is not

    async def _reconnected(self, hanging: asyncio.Task[None] | None) -> Session:
        """The first fresh connection on which a number was acknowledged."""
        tries: set[asyncio.Task[Session]] = set()
        try:
            while True:
                if not self._waiting:
                    tries.add(asyncio.ensure_future(self._try()))
                began = self._clock.monotonic()
                while tries and (left := began + TRY_EVERY - self._clock.monotonic()) > 0:
                    done, tries = await asyncio.wait(
                        tries, timeout=left, return_when=asyncio.FIRST_COMPLETED
                    )
                    if (session := self._first(done)) is not None:
                        return session
                pause = TRY_EVERY * 2**self._fulls
                await asyncio.sleep(max(0.0, began + pause - self._clock.monotonic()))
        finally:
            await _end(tries)
            if hanging is not None:
                await end([hanging])

    async def _try(self) -> Session:
        async with asyncio.timeout(PATIENCE):
            session = await self._connect()
        self._waiting += 1
        try:
            await self._write(session)
        finally:
            self._waiting -= 1
        return session

    def _first(self, done: set[asyncio.Task[Session]]) -> Session | None:
        """The session of a try that succeeded; a second one is closed; refusals are noted."""
        found: Session | None = None
        for task in done:
            error = task.exception()
            if error is None:
                self._fulls = 0
                if found is not None:
                    found.close()
                found = task.result()
            elif isinstance(error, NotWritten | TimeoutError):
                self._fulls = min(self._fulls + 1, LEAVES_ALONE) if isinstance(error, Full) else 0
                self._fail(error)
            else:
                raise error
        return found

    # ------------------------------------------------------------------ what is told

    async def _compare(self, session: Session) -> None:
        """After a reconnection: which acknowledged numbers are gone?"""
        async with asyncio.timeout(PATIENCE):
            present = await session.present(self._ledger.floor)
        lost = self._ledger.missing_from(present) - self.lost
        self.lost |= lost
        if self._gap is not None:
            gap, self._gap = self._gap, None
            self._told(gap, tuple(sorted(lost)))
        if lost:
            self._changed()

    def _acknowledge(self, number: int) -> None:
        was_failing = self.gauge.failing_since is not None
        self._ledger.acknowledge(number)
        gap = self.gauge.acknowledge(number, self._clock.monotonic())
        self._gap = gap or self._gap
        if was_failing or self.gauge.acknowledged == 1:
            self._changed()

    def _fail(self, error: BaseException) -> None:
        said = str(error) or f"no answer within {PATIENCE:.0f} s"
        if self.gauge.fail(said, self._clock.monotonic()):
            self._changed()


async def _end(tries: set[asyncio.Task[Session]]) -> None:
    """Those that were overtaken, with whatever they had reached by then."""
    await end(tries)
    for one in tries:
        if one.done() and not one.cancelled() and one.exception() is None:
            one.result().close()
