"""The small HTTP server on `peer_port`: promises to peers, and health for load balancers.

    POST /databases/NAME/promise    a question of the primary's agent (letters.py)
    GET  /databases/NAME/primary    200 where writes may go now, else 503
    GET  /databases/NAME/standby    200 where a standby follows now, else 503

Invariant: nothing that arrives here can end the agent or hold it up: one small request per
connection or a few, each within seconds and a few KiB.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from recovery.agent.databases.letters import MAC_HEADER
from recovery.core.ending import end

_MOST_BYTES = 8 * 1024
_MOST_CONNECTIONS = 200
_PATIENCE = 10.0
_REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found"}


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    seal: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes = b""
    seal: str = ""

    def encoded(self) -> bytes:
        reason = _REASONS.get(self.status, "Service Unavailable")
        head = f"HTTP/1.1 {self.status} {reason}\r\nContent-Type: application/json\r\n"
        head += f"Content-Length: {len(self.body)}\r\n"
        if self.seal:
            head += f"{MAC_HEADER}: {self.seal}\r\n"
        return head.encode() + b"\r\n" + self.body


class Door:
    """Listens as long as the agent runs."""

    def __init__(self, answer: Callable[[Request], Awaitable[Reply]]) -> None:
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def open(self, address: str, port: int) -> None:
        self._server = await asyncio.start_server(self._came, address, port, limit=_MOST_BYTES)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await end(self._open)
            await self._server.wait_closed()

    async def _came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._open) >= _MOST_CONNECTIONS:
            writer.transport.abort()
            return
        self._open.add(task)
        try:
            while await self._serve(reader, writer):
                pass
        except asyncio.CancelledError:
            pass  # the agent ends: so does this conversation
        finally:
            self._open.discard(task)
            with contextlib.suppress(RuntimeError):
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; whether another may follow."""
        try:
            async with asyncio.timeout(_PATIENCE):
                request = await read_request(reader)
                reply = Reply(400) if request is None else await self._answer(request)
                writer.write(reply.encoded())
                await writer.drain()
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            return False
        return request is not None


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request, None when it is not HTTP as we speak it."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    words = first.split(" ")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    length = headers.get("content-length", "0")
    if len(words) != 3 or not length.isdigit() or int(length) > _MOST_BYTES:
        return None
    body = await reader.readexactly(int(length))
    return Request(words[0], words[1], headers.get(MAC_HEADER, ""), body)
