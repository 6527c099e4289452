"""How many connections one host of the lab has at a time."""

from __future__ import annotations

import asyncio
import socket

import pytest

from recovery.lab.layout import LabHost
from recovery.lab.net import hostnet
from recovery.lab.net.hostnet import HostNet
from tests.support.waiting import until


class Quiet(HostNet):
    """A host's part of no mode: nothing is listened on."""

    def settle(self) -> None:
        """Nothing listens."""

    async def cut(self) -> None:
        """Nothing is cut."""


async def test_beyond_its_most_a_host_takes_nobody_in_until_others_have_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A lab that was too slow for a while must not serve its dead clients for ever."""
    monkeypatch.setattr(hostnet, "MOST_CONNECTIONS", 1)
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    to = server.sockets[0].getsockname()
    net = Quiet(LabHost("one-a", "A", "A-1", "", "", ""))
    net.up(lambda: False)
    first, second = await _connection(net, to), await _connection(net, to)
    third = second
    try:
        assert await _answer(first) == b"hello"
        assert await _answer(second) == b""
        first.close()
        await until(lambda: not net._pipes, 5)
        third = await _connection(net, to)
        assert await _answer(third) == b"hello"
    finally:
        for one in (first, second, third):
            one.close()
        net.close()
        server.close()


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.read(5))
    await writer.drain()
    writer.close()


async def _connection(net: HostNet, to: tuple[str, int]) -> socket.socket:
    """Ours of a connection whose other end the host got."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as door:
        ours = socket.socket()
        ours.setblocking(False)
        await loop.sock_connect(ours, door.getsockname())
        net.relay(door.accept()[0], to, "public")
    return ours


async def _answer(one: socket.socket) -> bytes:
    """What comes back; nothing where it was closed at once."""
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_sendall(one, b"hello")
        async with asyncio.timeout(5):
            return await loop.sock_recv(one, 5)
    except (BrokenPipeError, ConnectionResetError):
        return b""
