"""One lab host as the network sees it: its public ports, its way to the control plane, its weather.

Invariants: a public port listens exactly while the inner one does; when the host's first process
is dying or dead, every public port falls silent before any end of an inner connection is passed
on; a host that starts anew resets what was left of its former life.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from typing import Protocol

from recovery.lab.pipe import End, Pipe, abort
from recovery.lab.silence import Port
from recovery.lab.weather import FAIR, Scope, Way, Weather

_log = logging.getLogger("tocsin.lab.net")
Address = tuple[str, int]
BACK_DOOR = 1
"""Added to the probe port: there the control plane looks at a host's kernel. All connects look
alike to this machine's kernel, so being cut from the control plane alone needs its own port."""


class Sources(Protocol):
    """Finds the lab host that a connection comes from."""

    def by_inner(self, address: str) -> HostNet | None: ...


class HostNet:
    """The relay's part of one host (mode `relay`)."""

    def __init__(
        self, name: str, address: str, inner: str, probe_port: int, sources: Sources
    ) -> None:
        self.name, self.address, self.inner, self.probe_port = name, address, inner, probe_port
        self._sources = sources
        self._probe = Port(address, probe_port)
        self._back_door = Port(address, probe_port + BACK_DOOR)
        self._ports: dict[int, Port] = {}
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
        for port in list(self._ports):
            self._close(port)
        self.is_up, self.is_dying = True, is_dying
        self._probe.reset()
        self._back_door.reset()
        self.set_weather(self.weather)

    def down(self) -> None:
        """The host is dead: silence, at once."""
        if self.is_up:
            self.is_up = False
            self._settle()

    def set_weather(self, weather: Weather) -> None:
        self.weather = weather
        self._settle()
        self.recheck()

    def close(self) -> None:
        self.up(lambda: False)
        self._probe.close()
        self._back_door.close()

    # ------------------------------------------------------------------ what passes

    def passes(self, way: Way, scope: Scope) -> bool:
        return self.is_up and self.weather.passes(way, scope)

    def recheck(self) -> None:
        for pipe in list(self._pipes):
            pipe.recheck()

    def check(self) -> None:
        """Somebody's end was seen: is it the whole host's?"""
        if self.is_up and self.is_dying():
            self.down()

    # ------------------------------------------------------------------ public ports

    def mirror(self, inner_ports: set[int]) -> None:
        """Listens on the public address where the host listens on the inner one."""
        if not self.is_up:
            return
        for port in (
            inner_ports - self._ports.keys() - {self.probe_port, self.probe_port + BACK_DOOR}
        ):
            self._open(port)
        missing = self._ports.keys() - inner_ports
        if missing:
            self.check()
        if self.is_up:
            for port in missing:
                self._close(port)

    def _open(self, number: int) -> None:
        try:
            port = Port(self.address, number)
        except OSError as error:
            _log.warning("%s:%d cannot be opened: %s", self.address, number, error)
            return
        self._ports[number] = port
        self._settle_port(port)

    def _close(self, number: int) -> None:
        port = self._ports.pop(number)
        asyncio.get_running_loop().remove_reader(port.sock)
        port.close()

    def _settle(self) -> None:
        """Brings every public port into the state that life and weather ask for."""
        for port in self._ports.values():
            self._settle_port(port)
        self._settle_probe(self._probe, "public")
        self._settle_probe(self._back_door, "control")

    def _settle_probe(self, port: Port, scope: Scope) -> None:
        if not (self.is_up and self.weather.connects(scope)):
            port.silence()
        elif port.is_silent:
            port.reset()

    def _settle_port(self, port: Port) -> None:
        loop = asyncio.get_running_loop()
        if self.is_up and self.weather.connects("public"):
            port.open()
            loop.add_reader(port.sock, self._accept, port)
        else:
            loop.remove_reader(port.sock)
            port.silence()

    def _accept(self, port: Port) -> None:
        for _ in range(64):
            try:
                client, (source, _) = port.sock.accept()
            except OSError:
                return
            origin = self._sources.by_inner(source)
            self.relay(client, (self.inner, port.port), "public", origin)

    # ------------------------------------------------------------------ connections

    def relay(
        self, client: socket.socket, to: Address, scope: Scope, origin: HostNet | None = None
    ) -> None:
        """Passes one accepted connection on. `control` ones come from this host itself."""
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        first: Way = "out" if scope == "control" else "in"
        second: Way = "in" if scope == "control" else "out"
        forth = Pipe(lambda: self._may(first, scope, origin), lambda: self.weather)
        back = Pipe(lambda: self._may(second, scope, origin), lambda: self.weather)
        task = asyncio.ensure_future(self._join(client, to, forth, back))
        task.add_done_callback(lambda done: done.exception())

    def _may(self, way: Way, scope: Scope, origin: HostNet | None) -> bool:
        """Whether this direction passes both here and, for a peer's connection, there."""
        if not self.passes(way, scope):
            return False
        other: Way = "out" if way == "in" else "in"
        return origin is None or origin is self or origin.passes(other, "public")

    async def _join(self, client: socket.socket, to: Address, forth: Pipe, back: Pipe) -> None:
        loop = asyncio.get_running_loop()
        self._pipes |= {forth, back}

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
