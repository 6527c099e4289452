"""The door for agents on other machines: TLS both ways round, and agents alone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from recovery.agent.agent import Agent
from recovery.agent.config import Config
from recovery.core.clock import system
from recovery.core.errors import BadConfiguration
from recovery.engines.certificates import ensure_certificates
from recovery.gateway.outside import Outside
from recovery.inventory.models import Host
from tests.gateway.agents import Stage, gateway, make_stage, rows
from tests.support import own
from tests.support.databases import Database
from tests.support.fleet import make_fleet
from tests.support.waiting import until


def authority(folder: Path) -> Path:
    """As `make up HOST=name` makes it."""
    folder.mkdir()
    ensure_certificates(folder, "localhost", system.now())
    return folder


@pytest.fixture
def stage(fresh_database: Database, tmp_path: Path) -> Stage:
    return make_stage(tmp_path, make_fleet(alive=False))


@pytest.fixture
async def outside(stage: Stage, tmp_path: Path) -> AsyncIterator[Outside]:
    tls = authority(tmp_path / "tls")
    door = Outside("127.0.0.1", own.free_port(), tls / "leaf.crt", tls / "leaf.key")
    async with gateway(door):
        yield door


@asynccontextmanager
async def agent(stage: Stage, folder: Path, port: int, ca_file: Path) -> AsyncIterator[None]:
    (folder / "token").write_text(stage.token)
    config = Config(
        name=stage.host.name,
        control=(f"wss://localhost:{port}/agent",),
        ca_file=str(ca_file),
        state=str(folder / "state"),
        token_file=str(folder / "token"),
        address=own.address("204.1"),
        heartbeats="socket",
        adapter="process",
    )
    running = asyncio.create_task(Agent(config).run())
    try:
        yield
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_an_agent_that_knows_our_authority_joins_over_tls(
    stage: Stage, outside: Outside, tmp_path: Path
) -> None:
    async with agent(stage, tmp_path, outside.port, tmp_path / "tls" / "ca.crt"):

        async def has_joined() -> bool:
            return bool((await rows(lambda: Host.objects.get(pk=stage.host.pk))).public_key)

        await until(has_joined)


async def test_an_agent_shows_its_token_to_nobody_whom_its_authority_does_not_know(
    stage: Stage, outside: Outside, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tocsin.agent.link")
    stranger = authority(tmp_path / "stranger")
    async with agent(stage, tmp_path, outside.port, stranger / "ca.crt"):
        await until(lambda: caplog.text.count("certificate verify failed") >= 2)
    assert not (await rows(lambda: Host.objects.get(pk=stage.host.pk))).public_key


async def test_behind_that_door_are_agents_alone(outside: Outside, tmp_path: Path) -> None:
    trusting = ssl.create_default_context(cafile=str(tmp_path / "tls" / "ca.crt"))
    async with httpx.AsyncClient(verify=trusting) as client:
        door = f"https://localhost:{outside.port}"
        shown = {"Authorization": "Bearer link-secret"}
        found = [
            (await client.get(f"{door}{path}", headers=shown)).status_code
            for path in ("/healthz", "/metrics", "/control")
        ]
    assert found == [200, 404, 404]


async def test_a_certificate_without_its_key_is_named(tmp_path: Path) -> None:
    tls, other = authority(tmp_path / "tls"), authority(tmp_path / "other")
    door = Outside("127.0.0.1", own.free_port(), tls / "leaf.crt", other / "leaf.key")
    with pytest.raises(BadConfiguration, match="TOCSIN_GATEWAY_KEY"):
        await door.open(lambda socket: socket.close())
