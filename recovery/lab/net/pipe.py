"""One relayed TCP connection: two pipes, each with its own weather.

Invariant: what the weather holds back is kept in order and passed on when it clears, as TCP
would; a connection of a dead host shows neither data nor an end.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from recovery.lab.net.silence import ABORT
from recovery.lab.weather import Weather

_RETRANSMIT_SECONDS = 0.2
_OPEN_BOTH_WAYS = frozenset({1, 2, 3})
"""Of the kernel's states: established, and those on the way there."""
_HIGH_WATER = 256 * 1024


class Pipe:
    """One direction. `passes` and `weather` are asked anew for every chunk."""

    def __init__(self, passes: Callable[[], bool], weather: Callable[[], Weather]) -> None:
        self._passes, self._weather = passes, weather
        self._held: list[bytes | BaseException | None] = []
        self._free_at = 0.0
        self.source: asyncio.Transport | None = None
        self.target: asyncio.Transport | None = None

    @property
    def is_passing(self) -> bool:
        return self._passes()

    @property
    def is_holding(self) -> bool:
        return bool(self._held)

    def feed(self, item: bytes | BaseException | None) -> None:
        """Bytes, None for an orderly end, or the error that the other end met."""
        if self._held or self.target is None or not self._passes():
            self._held.append(item)
            self._pause()
            return
        wait = _wait(self._weather())
        loop = asyncio.get_running_loop()
        if not wait and self._free_at <= loop.time():
            self._deliver(item)
            return
        self._free_at = max(self._free_at, loop.time() + wait)
        loop.call_at(self._free_at, self._later, item)

    def recheck(self) -> None:
        """The weather changed, or the target is there now."""
        if self.target is None or not self._passes():
            return
        held, self._held = self._held, []
        for item in held:
            self.feed(item)
        if not self._held and self.source is not None and not self.source.is_closing():
            self.source.resume_reading()

    def _later(self, item: bytes | BaseException | None) -> None:
        if self._passes():
            self._deliver(item)
        else:
            self._held.append(item)
            self._pause()

    def _deliver(self, item: bytes | BaseException | None) -> None:
        if self.target is None or self.target.is_closing():
            return
        if isinstance(item, bytes):
            self.target.write(item)
        elif item is None:
            self.target.close()
        else:
            abort(self.target)

    def _pause(self) -> None:
        if self.source is not None and not self.source.is_closing():
            self.source.pause_reading()


def _wait(weather: Weather) -> float:
    if weather.is_fair:
        return 0.0
    wait = (weather.delay_ms + random.uniform(0, weather.jitter_ms)) / 1000  # noqa: S311
    while random.random() < min(weather.loss, 0.9):  # noqa: S311
        wait += _RETRANSMIT_SECONDS
    return wait


@dataclass(eq=False, slots=True)
class Line:
    """One relayed connection. `ends`: how many of its two are open; `was_gone`: its client had hung
    up at the look before."""

    forth: Pipe
    back: Pipe
    ends: int = 0
    was_gone: bool = False

    def recheck(self) -> None:
        """Of what is held: the weather changed, here or where it comes from."""
        for pipe in (self.forth, self.back):
            if pipe.is_holding:
                pipe.recheck()

    def is_dead(self) -> bool:
        """Whether its client hung up by the look before this one and could have been heard: what
        is still on its way then goes to nobody."""
        was_gone, self.was_gone = self.was_gone, self.forth.is_passing and is_gone(self.forth)
        return was_gone and self.was_gone

    def abort(self) -> None:
        for end in (self.forth.source, self.forth.target):
            if end is not None:
                abort(end)


def is_gone(pipe: Pipe) -> bool:
    """Whether who feeds it hung up, by the kernel's own word: nobody reads a connection whose
    other side is full, so nobody meets its end."""
    if pipe.source is None:
        return False
    sock = pipe.source.get_extra_info("socket")
    try:
        state: int = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    except OSError:  # it was closed
        return True
    return state not in _OPEN_BOTH_WAYS


class End(asyncio.Protocol):
    """One side of the relay: feeds its own pipe, and slows it when the other side is full."""

    def __init__(
        self, feeds: Pipe, fed_by: Pipe, made: Callable[[], None], ended: Callable[[], None]
    ) -> None:
        self._feeds, self._fed_by, self._made, self._ended = feeds, fed_by, made, ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._made()
        stream = cast(asyncio.Transport, transport)
        stream.set_write_buffer_limits(high=_HIGH_WATER)
        self._feeds.source = self._fed_by.target = stream
        self._fed_by.recheck()

    def data_received(self, data: bytes) -> None:
        self._feeds.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended()
        self._feeds.feed(exc)

    def pause_writing(self) -> None:
        if self._fed_by.source is not None and not self._fed_by.source.is_closing():
            self._fed_by.source.pause_reading()

    def resume_writing(self) -> None:
        if self._fed_by.source is not None and not self._fed_by.source.is_closing():
            self._fed_by.source.resume_reading()


def abort(transport: asyncio.Transport) -> None:
    """Ends it with a reset."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    transport.abort()
