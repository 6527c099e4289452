"""A door before the web process that can fall silent: it takes what comes and passes nothing on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import anyio
from anyio.abc import SocketStream, TaskGroup, TaskStatus
from anyio.from_thread import start_blocking_portal

from tests.support.own import free_port

LOOPBACK = "127.0.0.1"
LIVE = b"GET /live/"
GONE = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError)


@dataclass
class SilentDoor:
    """Passes bytes on to the web process. The next `silent` live sockets get no answer at all;
    those that are open when it falls silent hear nothing more."""

    upstream: int
    silent: int = 0
    swallowed: int = 0
    live: set[SocketStream] = field(default_factory=set)
    mute: set[SocketStream] = field(default_factory=set)

    def fall_silent(self) -> None:
        """For the sockets that are open; new ones are served."""
        self.mute |= self.live
        self.swallowed += len(self.live)

    async def open(self, port: int, *, task_status: TaskStatus[None]) -> None:
        """Serve there until it is cancelled."""
        async with await anyio.create_tcp_listener(
            local_host=LOOPBACK, local_port=port
        ) as listener:
            task_status.started()
            await listener.serve(self._serve)

    async def _serve(self, browser: SocketStream) -> None:
        with contextlib.suppress(*GONE):
            async with browser:
                head = await browser.receive()
                if head.startswith(LIVE) and self.silent:
                    self.silent -= 1
                    self.swallowed += 1
                    await browser.receive()
                async with await anyio.connect_tcp(LOOPBACK, self.upstream) as web:
                    if head.startswith(LIVE):
                        self.live.add(web)
                    await web.send(head)
                    async with anyio.create_task_group() as both:
                        both.start_soon(self._pass_on, browser, web, both)
                        both.start_soon(self._pass_on, web, browser, both)

    async def _pass_on(self, source: SocketStream, target: SocketStream, both: TaskGroup) -> None:
        """Everything that comes, until one of them ends."""
        with contextlib.suppress(*GONE):
            async for read in source:
                if source not in self.mute:
                    await target.send(read)
        both.cancel_scope.cancel()


@contextlib.contextmanager
def silent_door(upstream: int) -> Iterator[tuple[SilentDoor, int]]:
    """The door and its port, on a loop in a thread of its own; all that it holds ends with it."""
    door, port = SilentDoor(upstream), free_port()
    with start_blocking_portal() as portal:
        serving, _ = portal.start_task(door.open, port)
        yield door, port
        serving.cancel()
