"""An agent in this process, or as a process of its own, against a small gateway."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from recovery.agent.agent import Agent
from recovery.agent.config import Config
from recovery.core import wire
from recovery.lab.layout import SERVICE
from tests.agent.gateway import Gateway
from tests.support import own

_hosts = itertools.count(1)


def free_port() -> int:
    """A port of our own range that nothing listens on."""
    return own.free_port()


def spec(placement: str = "seat-1", **changes: object) -> wire.ContainerSpec:
    """A container of the lab's small service."""
    fields: dict[str, object] = {
        "placement": placement,
        "application": "shop",
        "container": f"shop-{placement}",
        "generation": 1,
        "command": (
            *("{python}", "-I", "-S", str(SERVICE), "--address", "{address}", "--port", "{port}"),
            *("--container", "{container}", "--generation", "{generation}", "--host", "{host}"),
        ),
        "port": free_port(),
        "version": "1",
    }
    return wire.ContainerSpec(**(fields | changes))  # type: ignore[arg-type]  # checked by msgspec


@dataclass
class Host:
    """One host's disk and address; its agent comes and goes."""

    folder: Path
    gateways: list[Gateway]
    name: str = "host-a"
    address: str = own.address("200.1")
    boot: str = "b0" * 16
    fields: dict[str, object] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def config(self) -> Config:
        values: dict[str, object] = {
            "name": self.name,
            "control": tuple(gateway.url for gateway in self.gateways),
            "state": str(self.folder / "state"),
            "token_file": str(self.folder / "token"),
            "address": self.address,
            "probe_port": 21099,
            "boot": self.boot,
            "stop_grace_seconds": 1.0,
        }
        return Config(**(values | self.fields))  # type: ignore[arg-type]

    def start(self) -> None:
        """The agent inside this process."""
        self.task = asyncio.create_task(Agent(self.config).run())

    async def stop(self) -> None:
        """Ends the agent as SIGTERM does; containers stay."""
        if self.task is not None:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.task
            self.task = None

    def spawn(self) -> subprocess.Popen[bytes]:
        """The agent as a process of its own."""
        config = self.config
        path = self.folder / "agent.toml"
        lines = [f"{name} = {_toml(getattr(config, name))}\n" for name in config.__struct_fields__]
        path.write_text("".join(lines))
        with (self.folder / "agent.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "recovery.agent", "--config", str(path)],
                stderr=log,
                start_new_session=True,
            )
        return self.process

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{item}"' for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    gateway = Gateway("127.0.0.1", 0)
    await gateway.open()
    yield gateway
    await gateway.close()


@pytest.fixture
async def host(gateway: Gateway, tmp_path: Path) -> AsyncIterator[Host]:
    """A host with a good join token; whatever its agent left behind is ended afterwards."""
    host = Host(tmp_path, [gateway], address=own.address(f"201.{next(_hosts) % 250 + 1}"))
    (tmp_path / "token").write_text("good-token")
    gateway.tokens["good-token"] = host.name
    yield host
    await host.stop()
    if host.process is not None:
        host.kill()
    end_containers(tmp_path / "state" / "containers")


def end_containers(folder: Path) -> None:
    """Ends every container that a process adapter left in its folder."""
    import os

    import msgspec

    from recovery.adapters.containers.seat import Seat

    for path in folder.glob("*/seat.json"):
        seat = msgspec.json.decode(path.read_bytes(), type=Seat)
        if seat.pid > 1:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(seat.pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(seat.pid, 0)


@pytest.fixture
async def up(host: Host, gateway: Gateway) -> Host:
    """The same host, enrolled, with a session and nothing to run."""
    host.start()
    await gateway.until(lambda: gateway.member(host.name).socket)
    await gateway.desire(host.name)
    return host
