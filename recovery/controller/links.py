"""The controller's side of the links to the gateways: one reconnecting client for each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from recovery.controller.eyes import Eyes
from recovery.core.clock import Clock
from recovery.gateway.digest import AskLook, FromController, digest_decoder, encoder

log = structlog.get_logger()
RETRY_SECONDS = 0.3
PULSE_SECONDS = 0.1
MAX_DIGEST = 8 * 1024 * 1024


class Links:
    """Keeps a link to each gateway and carries requests to all of them."""

    def __init__(self, gateways: Sequence[str], secret: str, eyes: Eyes, clock: Clock) -> None:
        self._gateways = gateways
        self._headers = {"Authorization": f"Bearer {secret}"}
        self._eyes = eyes
        self._clock = clock
        self._open: dict[str, ClientConnection] = {}

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._pulse())
            for gateway in self._gateways:
                tasks.create_task(self._keep(gateway))

    async def _pulse(self) -> None:
        while True:
            self._eyes.pulse(self._clock.monotonic())
            await asyncio.sleep(PULSE_SECONDS)

    async def _keep(self, gateway: str) -> None:
        while True:
            try:
                await self._listen(gateway)
            except (OSError, WebSocketException, msgspec.MsgspecError, TimeoutError) as error:
                log.info("no link", gateway=gateway, reason=str(error))
            self._open.pop(gateway, None)
            self._eyes.forget(gateway)
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self, gateway: str) -> None:
        async with connect(
            f"ws://{gateway}/control",
            additional_headers=self._headers,
            max_size=MAX_DIGEST,
            open_timeout=2,
            ping_interval=2,
            ping_timeout=2,
            compression=None,
        ) as socket:
            self._open[gateway] = socket
            async for message in socket:
                if isinstance(message, bytes):
                    digest = digest_decoder.decode(message)
                    self._eyes.take(gateway, digest, self._clock.monotonic())

    async def ask(self, looks: Sequence[AskLook], *, wake: bool = False) -> None:
        """Send a request to every open gateway: the one with the observer's socket obeys."""
        frame = encoder.encode(FromController(looks=tuple(looks), wake=wake))
        for socket in list(self._open.values()):
            try:
                await socket.send(frame)
            except WebSocketException:
                continue
