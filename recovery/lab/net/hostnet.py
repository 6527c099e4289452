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
from recovery.lab.net.pipe import End, Pipe, abort
from recovery.lab.weather import FAIR, Scope, Way, Weather

Address = tuple[str, int]
MOST_CONNECTIONS = 256
"""Connections from outside that one host has at a time, as a machine has a backlog. Without an end
a lab that was too slow for a while would serve its dead clients for ever and no living one."""


class HostNet(ABC):
    """What every mode has: connections that pass through the lab's daemon."""

    def __init__(self, host: LabHost) -> None:
        self.host = host
        self._pipes: set[Pipe] = set()
        self.weather: Weather = FAIR
        self.is_up = False
        self.is_dying: Callable[[], bool] = lambda: False

    # ------------------------------------------------------------------ life

    def up(self, is_dying: Callable[[], bool]) -> None:
        """The host starts anew: whatever was left of its former life is reset."""
        for pipe in list(self._pipes):
            for side in (pipe.source, pipe.target):
                if side is not None:
                    abort(side)
        self._pipes.clear()
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
        for pipe in list(self._pipes):
            pipe.recheck()

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
        if scope == "public" and len(self._pipes) >= 2 * MOST_CONNECTIONS:
            client.close()
            return
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        first: Way = "out" if scope == "control" else "in"
        second: Way = "in" if scope == "control" else "out"
        forth = Pipe(lambda: self._may(first, scope, origin), lambda: self.relayed_weather)
        back = Pipe(lambda: self._may(second, scope, origin), lambda: self.relayed_weather)
        self._pipes |= {forth, back}
        task = asyncio.ensure_future(self._join(client, to, forth, back))
        task.add_done_callback(lambda done: done.exception())

    def _may(self, way: Way, scope: Scope, origin: HostNet | None) -> bool:
        """Whether this direction passes both here and, for a peer's connection, there."""
        if not self.passes(way, scope):
            return False
        if origin is None or origin is self:
            return True
        other: Way = "out" if way == "in" else "in"
        is_parted = origin.host.address in self.weather.parted
        return origin.passes(other, "public") and not is_parted

    async def _join(self, client: socket.socket, to: Address, forth: Pipe, back: Pipe) -> None:
        loop = asyncio.get_running_loop()

        def ended() -> None:
            self.check()
            if self.is_up:
                self._pipes.difference_update((forth, back))

        near, _ = await loop.connect_accepted_socket(lambda: End(forth, back, ended), client)
        try:
            await loop.create_connection(lambda: End(back, forth, ended), *to)
        except OSError:
            self.check()
            if self.is_up:
                self._pipes.difference_update((forth, back))
                abort(near)
        else:
            with contextlib.suppress(RuntimeError):
                forth.recheck()
