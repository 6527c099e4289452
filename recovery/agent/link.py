"""One control plane's session: connect, prove who we are, then frames both ways.

Invariant: nothing that arrives here can end the agent; what breaks the protocol is refused
with its field; a session that breaks is begun again after 0.2 to 5 s, and one whose frame is not
taken in time breaks.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import ssl
from typing import Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from recovery.core import wire
from recovery.core.errors import BadMessage

_log = logging.getLogger("tocsin.agent.link")
BACKOFF_FIRST, BACKOFF_LAST = 0.2, 5.0
HANDSHAKE_SECONDS = 10.0
TAKE_SECONDS = 20.0
_QUEUE = 1000


class Host(Protocol):
    """What a session needs of the agent that it belongs to."""

    async def greet(self, challenge: wire.Challenge, link: Link) -> wire.Enrol | wire.Hello:
        """The answer to a challenge: a request for an identity or the proof of one."""

    async def enrolled(self, frame: wire.Enrolled, challenge: wire.Challenge) -> wire.Hello: ...

    async def welcomed(self, frame: wire.Welcome, link: Link) -> None: ...

    async def take(self, frame: wire.FromGateway, link: Link) -> None: ...

    def refused(self, frame: wire.Refusal) -> None: ...


class Link:
    """The session with one control-plane address, kept up for ever."""

    def __init__(self, url: str, host: Host, ca_file: str = "") -> None:
        self.url, self._ca_file = url, ca_file
        self._host = host
        self._out: asyncio.Queue[str] = asyncio.Queue(_QUEUE)
        self.is_up = False

    def send(self, frame: wire.Frame) -> None:
        """Queues a frame for a session that stands; without one, the next begins with a full
        report anyway, so it is dropped."""
        if not self.is_up:
            return
        try:
            self._out.put_nowait(wire.encode(frame))
        except asyncio.QueueFull:
            _log.warning("%s: reads too slowly, a %s was dropped", self.url, type(frame).__name__)

    async def run(self) -> None:
        """Sessions, one after the other."""
        wait = BACKOFF_FIRST
        while True:
            try:
                await self._session()
                wait = BACKOFF_FIRST
            except (OSError, WebSocketException, BadMessage, EOFError, TimeoutError) as error:
                _log.info("%s: %s", self.url, _why(error))
            if self.is_up:
                wait = BACKOFF_FIRST
            self.is_up = False
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 (jitter)
            wait = min(wait * 2, BACKOFF_LAST)

    def _trust(self) -> ssl.SSLContext | None:
        """Read anew for every session: an authority may be exchanged while we run."""
        if not self.url.startswith("wss://"):
            return None
        return ssl.create_default_context(cafile=self._ca_file or None)

    async def _session(self) -> None:
        async with connect(
            self.url,
            ssl=self._trust(),
            max_size=wire.MAX_FRAME,
            compression=None,
            proxy=None,
            open_timeout=HANDSHAKE_SECONDS,
            ping_interval=2.0,
            ping_timeout=5.0,
            close_timeout=0.5,
        ) as socket:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                welcome = await self._handshake(socket)
            self._out = asyncio.Queue(_QUEUE)
            self.is_up = True
            await self._host.welcomed(welcome, self)
            writer = asyncio.create_task(self._write(socket), name=f"writer {self.url}")
            try:
                await self._read(socket)
            finally:
                writer.cancel()

    async def _handshake(self, socket: ClientConnection) -> wire.Welcome:
        challenge = await _next(socket)
        if not isinstance(challenge, wire.Challenge):
            raise BadMessage("the session did not begin with a challenge", field="type")
        if challenge.protocol != wire.PROTOCOL:
            _log.warning("%s speaks protocol %d", self.url, challenge.protocol)
        answer = await self._host.greet(challenge, self)
        await socket.send(wire.encode(answer))
        while True:
            frame = await _next(socket)
            if isinstance(frame, wire.Enrolled):
                hello = await self._host.enrolled(frame, challenge)
                await socket.send(wire.encode(hello))
            elif isinstance(frame, wire.Welcome):
                return frame
            elif isinstance(frame, wire.Refusal):
                self._host.refused(frame)
                raise BadMessage(f"refused ({frame.code}): {frame.message}", field=frame.field)

    async def _write(self, socket: ClientConnection) -> None:
        while True:
            await socket.send(await self._out.get())

    async def _read(self, socket: ClientConnection) -> None:
        async for text in socket:
            try:
                frame = wire.decode_from_gateway(text)
            except BadMessage as error:
                self.send(refusal_of(text, error))
                continue
            await self._taken(frame)

    async def _taken(self, frame: wire.FromGateway) -> None:
        """In bounded time: whoever is not read any more looks like one that hears."""
        try:
            async with asyncio.timeout(TAKE_SECONDS):
                await self._host.take(frame, self)
        except TimeoutError:
            kind = type(frame).__name__
            _log.warning("%s: a %s took over %.0f s: begun anew", self.url, kind, TAKE_SECONDS)
            raise


def refusal_of(text: str | bytes, error: BadMessage) -> wire.Outcome | wire.Refusal:
    """The answer to a frame that breaks the protocol: an order's key gets its outcome."""
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        raw = None
    if isinstance(raw, dict) and raw.get("type") in ("order", "databaseorder"):
        operation, epoch = raw.get("operation"), raw.get("epoch")
        if isinstance(operation, str) and isinstance(epoch, int) and 0 < len(operation) <= 200:
            return wire.Outcome(
                operation=operation, epoch=epoch, state="refused", detail=str(error)[:300]
            )
    return wire.Refusal(code="bad-message", message=str(error)[:300], field=error.field)


async def _next(socket: ClientConnection) -> wire.FromGateway:
    return wire.decode_from_gateway(await socket.recv())


def _why(error: BaseException) -> str:
    if isinstance(error, InvalidHandshake):
        return f"no session: {error}"
    return str(error) or type(error).__name__
