"""Signs of life: one small datagram a second to every control plane, whatever else happens.

Invariant: the sequence rises for the whole boot, over restarts of the agent too, because it is
the host's BOOTTIME in milliseconds; the beat never waits for a disk or for the socket.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import random
import socket
from collections.abc import Callable

from recovery.agent.config import Config
from recovery.agent.identity import Identity
from recovery.core import wire
from recovery.core.clock import SystemClock

_log = logging.getLogger("tocsin.agent.beats")
PAUSE_SECONDS = 3.0
QUARANTINED, CRASH_LOOPING, BY_SOCKET = 1, 2, 4

Address = tuple[str, int]


def parse_address(text: str) -> Address | None:
    """ "address:port" as a pair, None when it is not one."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        return None
    return host, int(port)


def wrapped(datagram: bytes, to: Address) -> bytes:
    """The datagram in a SOCKS5 UDP header (RFC 1928, 7), for a relay that passes it on."""
    return b"\0\0\0\1" + socket.inet_aton(to[0]) + to[1].to_bytes(2, "big") + datagram


class Beats:
    """The heart of this host."""

    def __init__(
        self,
        config: Config,
        identity: Identity,
        clock: SystemClock,
        boot: str,
        *,
        flags: Callable[[], int],
        by_socket: Callable[[wire.Beat], None],
        paused: Callable[[float], None],
    ) -> None:
        self._identity, self._clock, self._boot = identity, clock, bytes.fromhex(boot)
        self._flags, self._by_socket, self._paused = flags, by_socket, paused
        self._relay = parse_address(config.datagram_relay)
        self._use_socket = config.heartbeats == "socket"
        self._sequence = 0
        self._socket: socket.socket | None = None
        self.targets: dict[str, Address] = {}

    async def run(self, period: float = wire.HEARTBEAT_SECONDS) -> None:
        """Beats for ever; a gap in its own ticks is a pause of this host or process."""
        last = self._clock.boottime()
        while True:
            now = self._clock.boottime()
            if now - last > PAUSE_SECONDS:
                self._paused(now - last)
            last = now
            if self._identity.is_enrolled:
                self.beat()
            await asyncio.sleep(period * random.uniform(0.95, 1.05))  # noqa: S311 (jitter)

    def beat(self) -> None:
        """One sign of life to each control plane, by the socket where datagrams fail."""
        flags = self._flags()
        if self._use_socket or not self.targets:
            self._by_socket(self._as_frame(flags))
            return
        datagram = self._datagram(flags)
        failed = [to for to in self.targets.values() if not self._send(datagram, to)]
        if failed:
            self._by_socket(self._as_frame(flags))

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def _as_frame(self, flags: int) -> wire.Beat:
        datagram = self._datagram(flags | BY_SOCKET)
        return wire.Beat(datagram=base64.b64encode(datagram).decode())

    def _datagram(self, flags: int) -> bytes:
        now = int(self._clock.boottime() * 1000)
        self._sequence = max(self._sequence + 1, now)
        beat = wire.Heartbeat(self._identity.host_bytes, self._boot, self._sequence, now, flags)
        return wire.pack_heartbeat(beat, self._identity.heartbeat_key)

    def _send(self, datagram: bytes, to: Address) -> bool:
        with contextlib.suppress(OSError):
            if self._socket is None:
                self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                self._socket.setblocking(False)
            if self._relay is None:
                self._socket.sendto(datagram, to)
            else:
                self._socket.sendto(wrapped(datagram, to), self._relay)
            return True
        return False
