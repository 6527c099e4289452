"""The control plane's own look tells a living kernel from a silent one."""

from __future__ import annotations

import asyncio
import socket

from recovery.gateway.ownlook import meet_kernel
from tests.support import own

HERE = own.address("203.9")


async def test_an_open_port_answers_and_a_closed_one_resets() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), HERE, 0)
    port = server.sockets[0].getsockname()[1]
    assert await meet_kernel(HERE, port) == "answers"
    server.close()
    await server.wait_closed()
    assert await meet_kernel(HERE, port) == "resets"


async def test_a_full_queue_is_silent_as_a_dead_machine_is() -> None:
    with socket.socket() as listening:
        listening.bind((HERE, 0))
        listening.listen(0)
        address = listening.getsockname()
        with socket.create_connection(address), socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(address)
            assert await meet_kernel(*address) == "silent"
