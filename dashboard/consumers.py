"""One browser's socket: who it is, what it looks at, and the way out of its mailbox."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs, urlsplit

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.http.request import validate_host

from dashboard import live
from dashboard.hub import SIGN_IN_AGAIN, Mailbox
from dashboard.panels import is_topic
from dashboard.permissions import role_of

SEND_SECONDS = 10.0
TOPICS_AT_MOST = 30
NOT_OURS = 4403


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels is not typed
    """Fragments out; nothing comes in."""

    box: Mailbox | None = None
    writer: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        user = self.scope["user"]
        role = await sync_to_async(role_of)(user)
        if role is None:
            await self.accept()
            await self.close(code=SIGN_IN_AGAIN)
            return
        topics = _topics(self.scope["query_string"])
        await self.accept()
        session = self.scope["session"].session_key or ""
        self.box = Mailbox(session=session, person=user.pk, role=role, topics=topics)
        self.writer = asyncio.create_task(self._write(self.box))
        live.hub().join(self.box)

    async def disconnect(self, code: int) -> None:
        if self.box is not None:
            live.hub().leave(self.box)
        if self.writer is not None:
            self.writer.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Browsers have nothing to say here: acts are POSTs."""

    async def _write(self, box: Mailbox) -> None:
        """Send what waits; a peer that takes none of it for ten seconds is let go."""
        while not box.close_code:
            for message in (await box.take()).values():
                try:
                    async with asyncio.timeout(SEND_SECONDS):
                        await self.send(text_data=message)
                except TimeoutError:
                    box.close_code = 1013
                    break
        await self.close(code=box.close_code)


def _topics(query: bytes) -> frozenset[str]:
    asked = parse_qs(query.decode("ascii", "replace")).get("topics", [""])[0].split(",")
    return frozenset(topic for topic in asked[:TOPICS_AT_MOST] if is_topic(topic))


class SameOrigin:
    """Refuses a handshake whose Origin is missing or is not the host that it was sent to (D2)."""

    def __init__(self, inner: object) -> None:
        self.inner = inner

    async def __call__(self, scope: dict, receive: object, send: object) -> object:  # type: ignore[type-arg]
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1")
        host = headers.get(b"host", b"").decode("latin-1")
        if is_same_origin(origin, host):
            return await self.inner(scope, receive, send)  # type: ignore[operator]
        await send({"type": "websocket.close", "code": NOT_OURS})  # type: ignore[operator]
        return None


def is_same_origin(origin: str, host: str) -> bool:
    """The page that opens the socket came from the very host and port it connects to."""
    try:
        parts = urlsplit(origin)
    except ValueError:  # an address in brackets that never close
        return False
    return (
        parts.scheme in {"http", "https"}
        and parts.netloc == host
        and validate_host(parts.hostname or "", settings.ALLOWED_HOSTS)
    )
