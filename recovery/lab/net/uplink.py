"""A lab host's way to the control plane: its session's stream and its heartbeats' datagrams."""

from __future__ import annotations

import asyncio
import random
import socket

from recovery.lab.net.hostnet import Address, HostNet
from recovery.lab.net.silence import BACKLOG, bound

DATAGRAM_PORT, _FIRST_STREAM_PORT = 7802, 7810


def stream_port(number: int) -> int:
    """The uplink port that leads to the control plane of this number."""
    return _FIRST_STREAM_PORT + number


class Uplink:
    """Listens on the host's uplink address and passes on what the weather lets through."""

    def __init__(self, net: HostNet, controls: list[Address]) -> None:
        self._net, self._controls = net, controls
        self._streams = [bound(net.host.uplink, stream_port(n)) for n in range(len(controls))]
        self._datagrams: asyncio.DatagramTransport | None = None

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        for stream, control in zip(self._streams, self._controls, strict=True):
            stream.listen(BACKLOG)
            loop.add_reader(stream, self._accept, stream, control)
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self._net), local_addr=(self._net.host.uplink, DATAGRAM_PORT)
        )
        self._datagrams = transport

    def close(self) -> None:
        for stream in self._streams:
            asyncio.get_running_loop().remove_reader(stream)
            stream.close()
        if self._datagrams is not None:
            self._datagrams.close()

    def _accept(self, stream: socket.socket, control: Address) -> None:
        try:
            client, _ = stream.accept()
        except OSError:
            return
        self._net.relay(client, control, "control")


class _Datagrams(asyncio.DatagramProtocol):
    """Passes datagrams with a SOCKS5 header on to where the header says; late, twice never."""

    def __init__(self, net: HostNet) -> None:
        self._net = net
        self._out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._out.setblocking(False)

    def connection_lost(self, exc: Exception | None) -> None:
        self._out.close()

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        if len(data) < 10 or data[:4] != b"\0\0\0\1":
            return
        to = (socket.inet_ntoa(data[4:8]), int.from_bytes(data[8:10], "big"))
        weather = self._net.relayed_weather
        if not self._net.passes("out", "control") or random.random() < weather.loss:  # noqa: S311
            return
        wait = (weather.delay_ms + random.uniform(0, weather.jitter_ms)) / 1000  # noqa: S311
        if wait:
            asyncio.get_running_loop().call_later(wait, self._send, data[10:], to)
        else:
            self._send(data[10:], to)

    def error_received(self, exc: Exception) -> None:
        """A refused datagram is a lost one."""

    def _send(self, datagram: bytes, to: Address) -> None:
        if not self._net.is_up:
            return
        try:
            self._out.sendto(datagram, to)
        except OSError:
            return


def control_address(url: str) -> Address:
    """Where a control plane's WebSocket address leads."""
    rest = url.split("://", 1)[1].split("/", 1)[0]
    host, _, port = rest.partition(":")
    return host, int(port or 80)
