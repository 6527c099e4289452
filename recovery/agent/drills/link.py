"""A drill host's session with one control plane: a report a second, lists as they come.

Invariants: it shows a token that opens this door alone; an order of production that comes all the
same is refused in so many words, and has no effect.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Callable
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from recovery.agent.drills.keeper import DrillKeeper
from recovery.agent.link import BACKOFF_FIRST, BACKOFF_LAST, HANDSHAKE_SECONDS, refusal_of
from recovery.core import wire
from recovery.core.ending import end
from recovery.core.errors import BadMessage
from recovery.core.wire.drills import MOST_BYTES, decode_list

_log = logging.getLogger("tocsin.agent.drills")
REPORT_SECONDS = 1.0
ONLY_DRILLS = "this host is there for drills: nothing of production is done here"


class DrillLink:
    """Kept up for ever. `token`: read anew for every session."""

    def __init__(
        self, url: str, keeper: DrillKeeper, token: Callable[[], str], ca_file: Path | None
    ) -> None:
        self._url, self._keeper, self._token = drill_url(url), keeper, token
        self._ca_file = ca_file

    async def run(self) -> None:
        """Sessions, one after the other."""
        wait = BACKOFF_FIRST
        while True:
            try:
                await self._session()
                wait = BACKOFF_FIRST
            except (OSError, WebSocketException, EOFError, TimeoutError) as error:
                _log.info("%s: %s", self._url, error)
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 (jitter)
            wait = min(wait * 2, BACKOFF_LAST)

    async def _session(self) -> None:
        trust = None
        if self._url.startswith("wss://"):
            trust = ssl.create_default_context(cafile=self._ca_file)
        async with connect(
            self._url,
            ssl=trust,
            additional_headers={"Authorization": f"Bearer {self._token()}"},
            max_size=MOST_BYTES,
            compression=None,
            proxy=None,
            open_timeout=HANDSHAKE_SECONDS,
            ping_interval=2.0,
            ping_timeout=5.0,
            close_timeout=0.5,
        ) as socket:
            telling = asyncio.create_task(self._tell(socket), name=f"reports {self._url}")
            try:
                async for text in socket:
                    await self._hear(socket, text)
            finally:
                await end([telling])

    async def _tell(self, socket: ClientConnection) -> None:
        while True:
            await socket.send(wire.encode(await self._keeper.report()))
            await asyncio.sleep(REPORT_SECONDS)

    async def _hear(self, socket: ClientConnection, text: str | bytes) -> None:
        try:
            told = decode_list(text)
        except BadMessage as error:
            _log.warning("refused: %s (%s)", ONLY_DRILLS, error)
            await socket.send(wire.encode(refusal_of(text, BadMessage(ONLY_DRILLS, field="realm"))))
            return
        await self._keeper.take(told)


def drill_url(url: str) -> str:
    """The drills' door of the control plane that is reached at this agents' door."""
    return f"{url.removesuffix('/agent').rstrip('/')}/drill"
