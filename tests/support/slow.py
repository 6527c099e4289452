"""A line that lets bytes pass slowly, or hardly at all, on their way to a service."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from recovery.core.clock import system

_SMALL = 8192
"""Of the buffers in between, so that whoever sends feels the line."""


@dataclass
class SlowLine:
    """`rate`: bytes a second towards the service, all connections together."""

    target: int
    rate: float
    port: int = 0
    passed: int = 0
    _pumps: set[asyncio.Task[None]] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[SlowLine]:
        own = socket.socket()
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL)
        own.bind(("127.0.0.1", 0))
        self.port = own.getsockname()[1]
        server = await asyncio.start_server(self._join, sock=own, limit=_SMALL)
        try:
            yield self
        finally:
            server.close()
            for pump in self._pumps:
                pump.cancel()
            await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _join(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, forth = await asyncio.open_connection("127.0.0.1", self.target)
        for pump in (self._slowly(near, forth), self._freely(far, back)):
            task = asyncio.create_task(pump)
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)

    async def _slowly(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """However late a busy machine lets us run, what is due by then passes."""
        due = system.monotonic()
        with contextlib.closing(sink), contextlib.suppress(OSError):
            while data := await source.read(max(1, min(_SMALL, int(self.rate / 20)))):
                self.passed += len(data)
                sink.write(data)
                await sink.drain()
                due += len(data) / self.rate
                await asyncio.sleep(max(0.0, due - system.monotonic()))

    async def _freely(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.closing(sink), contextlib.suppress(OSError):
            while data := await source.read(1 << 16):
                sink.write(data)
                await sink.drain()
