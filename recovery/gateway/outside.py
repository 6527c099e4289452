"""The gateway's door for agents on other machines: TLS, and agents alone.

Invariant: nothing but `/agent` and `/drill` (and `/healthz`) is behind it; controllers and metrics
have the door on this machine's own side.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from recovery.core import wire
from recovery.core.errors import BadConfiguration

PING_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Outside:
    """Where it listens, and what it shows to be who it says it is."""

    host: str
    port: int
    certificate: Path
    key: Path

    async def open(self, route: Callable[[ServerConnection], Awaitable[None]]) -> Server:
        """Listens until closed."""
        return await serve(
            route,
            self.host,
            self.port,
            ssl=self._context(),
            process_request=_admit,
            max_size=wire.MAX_FRAME,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
        )

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.certificate, self.key)
        except OSError as error:
            raise BadConfiguration(
                f"{self.certificate} and {self.key} are no certificate with its key ({error}).",
                field="TOCSIN_GATEWAY_CERTIFICATE, TOCSIN_GATEWAY_KEY",
            ) from error
        return context


def _admit(socket: ServerConnection, request: Request) -> Response | None:
    if request.path in ("/agent", "/drill"):
        return None
    if request.path == "/healthz":
        return socket.respond(200, "ok\n")
    return socket.respond(404, "nothing here\n")
