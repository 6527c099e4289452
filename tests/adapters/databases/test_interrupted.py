"""Every act killed with SIGKILL at many points, then asked for again: it ends well.

Invariant: data are there whole or not at all, and what only they have is never lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from itertools import count
from pathlib import Path

import msgspec

from recovery.core.clock import system
from recovery.core.errors import TocsinError
from tests.adapters.databases.conftest import Engine
from tests.adapters.databases.servers import Family, Server

KILLS = 5
ROOT = Path(__file__).resolve().parents[3]


async def run_act(verb: str, server: Server, seconds: float | None) -> int:
    """The act in another process, killed after so many seconds; None: it may end."""
    spec = server.folder.with_name(f"{server.replica}.json")
    spec.write_bytes(msgspec.json.encode(server.spec))
    argv = [sys.executable, "-m", "tests.adapters.databases.act", verb, str(spec)]
    process = await asyncio.create_subprocess_exec(*argv, str(server.folder), cwd=ROOT)
    try:
        async with asyncio.timeout(seconds):
            return await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        return await process.wait()


async def interrupt(verb: str, family: Family, name: str) -> None:
    """Killed at `KILLS` points spread over the time that the act takes; then asked for again."""
    server = family.servers[name]
    began = system.monotonic()
    assert await run_act("nothing", server, None) == 0
    base = system.monotonic() - began
    for number in range(KILLS):
        await run_act(verb, server, base * 0.7 + 0.25 * number)
        with contextlib.suppress(TocsinError):
            if server.engine.is_made():
                assert (server.folder / "data").is_dir()
    await getattr((await family.another(name)).engine, verb)(server.spec)


async def test_a_make_that_was_killed_is_made_again(family: Family, engine: Engine) -> None:
    await interrupt("make", family, "a")
    a = family.servers["a"]
    await a.start()
    await engine.client.prepare(a)
    await engine.client.write(a, 1)
    assert await engine.client.numbers(a) == {1}


async def test_a_clone_that_was_killed_is_cloned_again(family: Family, engine: Engine) -> None:
    a, b = family.servers["a"], family.servers["b"]
    await a.engine.make(a.spec)
    await a.start()
    await engine.client.prepare(a)
    await engine.client.write(a, 1)
    await interrupt("clone", family, "b")
    b = family.servers["b"]
    await b.start()
    await b.until_streaming()
    await b.reaches((await a.look()).position)
    assert await engine.client.numbers(b) == {1}


async def test_a_clone_whose_primary_was_killed_leaves_nothing_and_is_cloned_again(
    family: Family, engine: Engine
) -> None:
    a, b = family.servers["a"], family.servers["b"]
    await a.engine.make(a.spec)
    for number in count(1):
        await a.start()
        act = asyncio.ensure_future(b.engine.clone(b.spec))
        await asyncio.wait([act], timeout=0.1 * number)
        a.kill()
        with contextlib.suppress(TocsinError):
            await act
        if b.engine.is_made() or number == KILLS:
            break
        assert not (b.folder / "data").exists()
    await a.start()
    await b.engine.clone(b.spec)
    await b.start()
    await b.until_streaming()


async def test_a_rejoin_that_was_killed_keeps_what_only_the_old_primary_has(
    family: Family, engine: Engine
) -> None:
    a, b = await family.pair(engine.client)
    await engine.client.write(a, 1)
    await b.reaches((await a.look()).position)
    await b.stop()
    await engine.client.write(a, 2)
    a.kill()
    await b.start()
    family.give("b")
    await b.engine.promote(b.spec)
    await interrupt("rejoin", family, "a")
    a = family.servers["a"]
    kept = list((a.folder / "kept").iterdir())
    assert len(kept) == 1
    await a.start()
    await a.until_streaming()
    await engine.client.write(b, 3)
    await a.reaches((await b.look()).position)
    assert await engine.client.numbers(a) == {1, 3}
    await show_kept(family, engine, kept[0])


async def show_kept(family: Family, engine: Engine, kept: Path) -> None:
    """What was kept can be started elsewhere, and has the row that only it had."""
    c = family.servers["c"]
    move_back(kept, c.folder)
    family.give("c")
    await c.start()
    assert await engine.client.numbers(c) == {1, 2}


def move_back(kept: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    kept.rename(folder / "data")
    (folder / "data" / "standby").unlink(missing_ok=True)
