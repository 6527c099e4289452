"""An agent's side of a session, for tests of the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from django.db import connection
from websockets.asyncio.client import ClientConnection, connect

from recovery.agent.identity import Identity, load
from recovery.core import wire
from recovery.core.clock import system
from recovery.gateway.outside import Outside
from recovery.gateway.serve import Settings, run_gateway
from recovery.inventory import actions
from recovery.inventory.models import Host
from tests.support.fleet import BY, Fleet
from tests.support.own import free_port

T = TypeVar("T")


@dataclass(frozen=True)
class Stage:
    """A fleet in rows, a host's key folder, and a join token for it."""

    fleet: Fleet
    identity: Identity
    token: str
    host: Host


def make_stage(folder: Path, fleet: Fleet, name: str = "par1-r1-h1") -> Stage:
    """A host of the fleet that is about to enrol."""
    host = fleet.hosts[name]
    token = actions.issue_join_token(host=host, actor=BY, reason="test", now=system.now())
    return Stage(fleet, load(folder / f"{name}.json"), token, host)


async def rows(work: Callable[..., T], *args: object) -> T:
    """Run what touches rows in a thread that gives its connection back."""

    def call() -> T:
        try:
            return work(*args)
        finally:
            connection.close()

    return await asyncio.to_thread(call)


@asynccontextmanager
async def gateway(outside: Outside | None = None) -> AsyncIterator[int]:
    port = free_port()
    settings = Settings(
        "gateway-test", "127.0.0.1", port, "127.0.0.1", "link-secret", outside=outside
    )
    serving = asyncio.create_task(run_gateway(settings))
    try:
        async with asyncio.timeout(30):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.02)
        yield port
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


async def receive(socket: ClientConnection, kind: type[wire.Frame]) -> wire.Frame:
    """The next frame of this kind; others that come before it are passed over."""
    async with asyncio.timeout(30):
        while True:
            frame = wire.decode_from_gateway(await socket.recv())
            if isinstance(frame, kind):
                return frame


@asynccontextmanager
async def session(port: int, stage: Stage) -> AsyncIterator[ClientConnection]:
    """An enrolled agent's open socket."""
    async with connect(f"ws://127.0.0.1:{port}/agent") as socket:
        challenge = await receive(socket, wire.Challenge)
        assert isinstance(challenge, wire.Challenge)
        if not stage.identity.is_enrolled:
            enrol = stage.identity.enrol(stage.token, stage.host.name, challenge.nonce)
            await socket.send(wire.encode(enrol))
            enrolled = await receive(socket, wire.Enrolled)
            assert isinstance(enrolled, wire.Enrolled)
            stage.identity.accept(enrolled)
        await socket.send(wire.encode(hello(stage, challenge.nonce)))
        await receive(socket, wire.Welcome)
        yield socket


def hello(stage: Stage, nonce: str, boot: str = "ab" * 16) -> wire.Hello:
    return wire.Hello(
        host_id=stage.identity.host_id,
        boot=boot,
        agent_version="1",
        protocol=wire.PROTOCOL,
        signature=stage.identity.sign_hello(nonce, boot),
        address="127.0.0.9",
        probe_port=9,
    )
