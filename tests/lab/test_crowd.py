"""How many connections one host of the lab has at a time, and that it keeps none of the dead."""

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
        await until(lambda: not net.lines)
        third = await _connection(net, to)
        assert await _answer(third) == b"hello"
    finally:
        for one in (first, second, third):
            one.close()
        net.close()
        server.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostnet, "LOOK_SECONDS", 0.05)


async def test_a_client_that_hung_up_is_dropped_however_full_its_server_is(quick: None) -> None:
    """What lies between the two is read by nobody, so nobody meets the end behind it."""
    taken: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: taken.append(writer), "127.0.0.1", 0)
    net = Quiet(LabHost("one-a", "A", "A-1", "", "", ""))
    net.up(lambda: False)
    ours = await _connection(net, server.sockets[0].getsockname())
    try:
        (line,) = net.lines
        while (near := line.forth.source) is None or near.is_reading():
            await asyncio.get_running_loop().sock_sendall(ours, bytes(1 << 16))
            await asyncio.sleep(0.002)
        ours.close()
        await until(lambda: not net.lines)
    finally:
        for one in taken:
            one.close()
        net.close()
        server.close()


async def test_what_a_peers_silence_held_back_goes_on_with_its_return_or_is_dropped(
    quick: None,
) -> None:
    """Its own ends are asked anew when it comes back, and this host's are on another one."""
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    to = server.sockets[0].getsockname()
    net, peer = (Quiet(LabHost(name, "A", "A-1", "", "", "")) for name in ("one-a", "one-b"))
    net.up(lambda: False)
    kept, gone = [await _connection(net, to, peer) for _ in range(2)]
    try:
        for one in (kept, gone):
            await asyncio.get_running_loop().sock_sendall(one, b"hello")
        gone.close()
        await asyncio.sleep(0.3)
        assert len(net.lines) == 2, "a dead host shows no end"
        peer.up(lambda: False)
        async with asyncio.timeout(30):
            assert await asyncio.get_running_loop().sock_recv(kept, 5) == b"hello"
        kept.close()
        await until(lambda: not net.lines)
    finally:
        net.close()
        server.close()


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.read(5))
    await writer.drain()
    writer.close()


async def _connection(
    net: HostNet, to: tuple[str, int], origin: HostNet | None = None
) -> socket.socket:
    """Ours of a connection whose other end the host got."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as door:
        ours = socket.socket()
        ours.setblocking(False)
        await loop.sock_connect(ours, door.getsockname())
        net.relay(door.accept()[0], to, "public", origin)
    return ours


async def _answer(one: socket.socket) -> bytes:
    """What comes back; nothing where it was closed at once."""
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_sendall(one, b"hello")
        async with asyncio.timeout(30):
            return await loop.sock_recv(one, 5)
    except (BrokenPipeError, ConnectionResetError):
        return b""
