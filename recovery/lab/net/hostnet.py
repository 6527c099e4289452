"""One lab host as the network sees it: its life, its weather, its way to the control plane.

Invariants: when the host's first process is dying or dead, no end of one of its connections is
passed on; a host that starts anew resets what was left of its former life. Each mode of the lab
adds how the host is reached (`relay.py`, `../netns/`).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable

from recovery.lab.layout import LabHost
from recovery.lab.net.pipe import End, Line, Pipe, abort
from recovery.lab.weather import FAIR, Scope, Way, Weather

Address = tuple[str, int]
MOST_CONNECTIONS = 256
"""Connections from outside that one host has at a time, as a machine has a backlog. Without an end
a lab that was too slow for a while would serve its dead clients for ever and no living one."""
LOOK_SECONDS = 1.0
"""Between two looks at which clients hung up: at the second one their connections are reset."""


class HostNet(ABC):
    """What every mode has: connections that pass through the lab's daemon."""

    def __init__(self, host: LabHost) -> None:
        self.host = host
        self.lines: set[Line] = set()
        self._looker: asyncio.TimerHandle | None = None
        self.weather: Weather = FAIR
        self.is_up = False
        self.is_dying: Callable[[], bool] = lambda: False

    # ------------------------------------------------------------------ life

    def up(self, is_dying: Callable[[], bool]) -> None:
        """The host starts anew: whatever was left of its former life is reset."""
        for line in list(self.lines):
            line.abort()
        self.lines.clear()
        self.is_up, self.is_dying = True, is_dying
        self.settle()
        self.recheck()

    def down(self) -> None:
        """The host is dead: silence, at once."""
        if self.is_up:
            self.is_up = False
            self.settle()

    async def set_weather(self, weather: Weather) -> None:
        self.weather = weather
        await self.cut()
        self.settle()
        self.recheck()

    def close(self) -> None:
        """Resets whatever is left."""
        self.up(lambda: False)

    @abstractmethod
    def settle(self) -> None:
        """Brings whatever the daemon listens on into the state that life and weather ask for."""

    @abstractmethod
    async def cut(self) -> None:
        """Makes the kernel drop what the weather does not let pass, where it is the kernel's."""

    # ------------------------------------------------------------------ what passes

    @property
    def relayed_weather(self) -> Weather:
        """What the daemon itself does to the connections that it relays."""
        return self.weather

    def passes(self, way: Way, scope: Scope) -> bool:
        return self.is_up and self.weather.passes(way, scope)

    def recheck(self) -> None:
        for line in list(self.lines):
            line.forth.recheck()
            line.back.recheck()

    def check(self) -> None:
        """Somebody's end was seen: is it the whole host's?"""
        if self.is_up and self.is_dying():
            self.down()

    # ------------------------------------------------------------------ connections

    def relay(
        self, client: socket.socket, to: Address, scope: Scope, origin: HostNet | None = None
    ) -> None:
        """Passes one accepted connection on. `control` ones come from this host itself."""
        client.setblocking(False)
        if scope == "public" and len(self.lines) >= MOST_CONNECTIONS:
            client.close()
            return
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        first: Way = "out" if scope == "control" else "in"
        second: Way = "in" if scope == "control" else "out"
        forth = Pipe(lambda: self._may(first, scope, origin), lambda: self.relayed_weather)
        back = Pipe(lambda: self._may(second, scope, origin), lambda: self.relayed_weather)
        line = Line(forth, back)
        self.lines.add(line)
        task = asyncio.ensure_future(self._join(client, to, line))
        task.add_done_callback(lambda done: done.exception())
        if self._looker is None:
            self._look_later()

    def _look_later(self) -> None:
        self._looker = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        """Goes on with what a peer's life or weather held back, and drops whose client is gone:
        what lies between the two is read by nobody any more, and its server would be full of it."""
        self._looker = None
        for line in list(self.lines):
            line.recheck()
            if line.is_dead():
                line.abort()
                self.lines.discard(line)
        if self.lines:
            self._look_later()

    def _may(self, way: Way, scope: Scope, origin: HostNet | None) -> bool:
        """Whether this direction passes both here and, for a peer's connection, there."""
        if not self.passes(way, scope):
            return False
        if origin is None or origin is self:
            return True
        other: Way = "out" if way == "in" else "in"
        is_parted = origin.host.address in self.weather.parted
        return origin.passes(other, "public") and not is_parted

    async def _join(self, client: socket.socket, to: Address, line: Line) -> None:
        loop, forth, back = asyncio.get_running_loop(), line.forth, line.back

        def made() -> None:
            line.ends += 1

        def ended() -> None:
            self.check()
            line.ends -= 1
            if self.is_up and not line.ends:
                self.lines.discard(line)

        near, _ = await loop.connect_accepted_socket(lambda: End(forth, back, made, ended), client)
        try:
            await loop.create_connection(lambda: End(back, forth, made, ended), *to)
        except OSError:
            self.check()
            if self.is_up:
                self.lines.discard(line)
                abort(near)
        else:
            with contextlib.suppress(RuntimeError):
                forth.recheck()
