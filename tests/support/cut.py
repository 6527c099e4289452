"""A wire that can be cut: a TCP relay in a thread, between the controllers and the gateway."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.own import free_port


class Wire:
    """Passes bytes on until it is cut; then nothing gets through, and nothing is refused."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._whole = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._pumps: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        self._loop.call_soon_threadsafe(self._whole.clear)

    def mend(self) -> None:
        self._loop.call_soon_threadsafe(self._whole.set)

    def serve(self, ready: threading.Event) -> None:
        """The thread's work."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(ready))

    async def _serve(self, ready: threading.Event) -> None:
        self._stop = asyncio.Event()
        self._whole.set()
        async with await asyncio.start_server(self._join, "127.0.0.1", self.port):
            ready.set()
            await self._stop.wait()
        for pump in self._pumps:
            pump.cancel()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)

    async def _join(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        await self._whole.wait()
        try:
            far, forth = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            back.close()
            return
        for source, sink in ((near, forth), (far, back)):
            pump = asyncio.ensure_future(self._pump(source, sink))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self._whole.wait()
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        finally:
            sink.close()


@contextmanager
def wire_to(port: int) -> Iterator[Wire]:
    """Inside, `wire.port` leads to this port."""
    wire, ready = Wire(port), threading.Event()
    thread = threading.Thread(target=wire.serve, args=[ready], name="wire")
    thread.start()
    try:
        assert ready.wait(60)
        yield wire
    finally:
        wire.stop()
        thread.join(10)
