"""The engines that the contract runs on, each with what the tests need to know of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Protocol

from recovery.adapters.containers.process import ProcessContainers
from recovery.agent.http import Getter
from recovery.core.ports import Containers
from recovery.core.wire import ContainerSpec
from recovery.lab.layout import SERVICE
from tests.support import own
from tests.support.waiting import until

_PYTHON = ("{python}", "-I", "-S", "-c")


class Engine(Protocol):
    """One engine under test."""

    port: Containers
    stubborn: tuple[str, ...]
    exits_with_3: tuple[str, ...]

    def spec(self, **changes: object) -> ContainerSpec: ...

    def impossible(self) -> ContainerSpec: ...

    async def another(self) -> None:
        """The agent restarts: a new adapter over the same state."""

    async def answer(self, spec: ContainerSpec) -> str: ...

    async def is_listening(self, spec: ContainerSpec) -> bool: ...

    async def until_ready(self, spec: ContainerSpec) -> None: ...

    async def close(self) -> None: ...


def next_port() -> int:
    return own.free_port()


async def body(address: str, port: int) -> str:
    """What GET / answers, once it does."""
    async with asyncio.timeout(60):
        while True:
            try:
                reader, writer = await asyncio.open_connection(address, port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            text = (await reader.read()).decode()
            writer.close()
            if text:
                return text


class ProcessEngine:
    """The process adapter."""

    stubborn: tuple[str, ...] = (
        *_PYTHON,
        "import signal,time; signal.signal(15, signal.SIG_IGN); open('ready','w'); time.sleep(99)",
    )
    exits_with_3: tuple[str, ...] = (*_PYTHON, "raise SystemExit(3)")

    def __init__(self, folder: Path, address: str = own.address("202.1")) -> None:
        self._folder, self._address = folder, address
        self.port: Containers = self._make()
        self._port = next_port()

    def _make(self) -> ProcessContainers:
        return ProcessContainers(self._folder, host="host-a", address=self._address, boot="b0" * 16)

    def spec(self, **changes: object) -> ContainerSpec:
        fields: dict[str, object] = {
            "placement": "seat",
            "application": "shop",
            "container": "shop-1",
            "generation": 1,
            "port": self._port,
            "command": (
                *("{python}", "-I", "-S", str(SERVICE), "--address", "{address}"),
                *("--port", "{port}", "--container", "{container}"),
            ),
        }
        return ContainerSpec(**(fields | changes))  # type: ignore[arg-type]

    def impossible(self) -> ContainerSpec:
        return self.spec(command=("/no/such/program",))

    async def another(self) -> None:
        await self.port.close()
        self.port = self._make()

    async def answer(self, spec: ContainerSpec) -> str:
        return await body(self._address, spec.port)

    async def is_listening(self, spec: ContainerSpec) -> bool:
        try:
            await Getter(self._address, spec.port, "/").status(1.0)
        except OSError:
            return False
        return True

    async def until_ready(self, spec: ContainerSpec) -> None:
        await until((self._folder / spec.placement / "ready").exists)

    async def close(self) -> None:
        for sight in await self.port.look():
            await self.port.stop(sight.placement, grace=0.0)
        await self.port.close()
