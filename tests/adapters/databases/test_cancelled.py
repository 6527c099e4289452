"""Whoever asks a server and is told to stop stops, whatever it is waiting for just then."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from recovery.core.wire import EngineName
from tests.adapters.databases.servers import Family, Server

STEPS = 60
"""Turns of the loop: past a connection's beginning, into the second look."""


@pytest.mark.parametrize(
    ("engine", "version", "every"), [("valkey", "9", 1), ("postgresql", "18", 12)]
)
async def test_a_look_ends_at_whatever_await_it_is_cancelled(
    engine: EngineName, version: str, every: int
) -> None:
    """redis-py's own timeout took the cancellation where a command had just been sent."""
    with TemporaryDirectory(prefix="tocsin-db-") as folder:
        family = Family(engine, version, Path(folder), {})
        server = family.servers["a"]
        try:
            await server.engine.make(server.spec)
            await server.start()
            for steps in range(0, STEPS, every):
                await _looks_and_is_cancelled(server, steps)
        finally:
            await family.close()


async def _looks_and_is_cancelled(server: Server, steps: int) -> None:
    async def for_ever() -> None:
        while True:
            await server.look()

    if steps % 8 < 4:
        await server.engine.close()  # half of them begin with a connection
    looking = asyncio.create_task(for_ever())
    for _ in range(steps):
        await asyncio.sleep(0)
    looking.cancel()
    _, runs_on = await asyncio.wait({looking}, timeout=5.0)
    looking.cancel()
    assert not runs_on, f"cancelled after {steps} turns, it went on"
    assert looking.cancelled()
