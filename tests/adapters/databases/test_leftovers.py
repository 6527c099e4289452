"""What a killed agent leaves on a replica's folder is ended; a living agent's programs are not."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from recovery.adapters.databases import running
from recovery.core.ports import EngineFailed
from tests.support.waiting import until

AGENT = """
import asyncio, sys
from pathlib import Path
from recovery.adapters.databases.running import alone, run
async def main():
    async with alone(Path(sys.argv[1])) as keep:
        argv = ["sh", "-c", "sleep 300 & wait"]
        await run(argv, environment={"PATH": "/usr/bin:/bin"}, keep=(keep,))
asyncio.run(main())
"""


def children_of(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


async def test_a_killed_agents_program_is_ended_by_the_next_act(tmp_path: Path) -> None:
    agent = await asyncio.create_subprocess_exec(sys.executable, "-c", AGENT, str(tmp_path))
    await until(lambda: len(children_of(agent.pid)) == 2)
    left = children_of(agent.pid)
    agent.kill()
    await agent.wait()
    async with running.alone(tmp_path):
        await until(
            lambda: not any(each.is_running() and each.status() != "zombie" for each in left)
        )


async def test_a_living_agents_program_keeps_the_next_act_out(tmp_path: Path) -> None:
    agent = await asyncio.create_subprocess_exec(sys.executable, "-c", AGENT, str(tmp_path))
    await until(lambda: len(children_of(agent.pid)) == 2)
    theirs = children_of(agent.pid)
    try:
        with pytest.raises(EngineFailed, match="still runs on this folder"):
            async with running.alone(tmp_path, seconds=1.0):
                pass
        assert all(each.is_running() for each in theirs)
    finally:
        for each in theirs:
            os.kill(each.pid, signal.SIGKILL)
        await agent.wait()
