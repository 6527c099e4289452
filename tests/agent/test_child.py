"""Processes of the archives' work end with it, wherever it is interrupted."""

from __future__ import annotations

import asyncio
import subprocess
import threading

import psutil
import pytest

from recovery.agent.backups.restoring.child import child

SLEEPER = ["sleep", "600"]


def _left() -> list[int]:
    return [each.pid for each in psutil.Process().children() if each.name() == "sleep"]


async def test_a_work_that_is_cancelled_while_its_process_starts_leaves_none_behind() -> None:
    asked, may_start = threading.Event(), threading.Event()

    def slowly() -> subprocess.Popen[bytes]:
        asked.set()
        may_start.wait()
        return subprocess.Popen(SLEEPER, stdin=subprocess.PIPE)

    async def work() -> None:
        async with child(slowly):
            raise AssertionError("it was cancelled before")

    running = asyncio.create_task(work())
    await asyncio.to_thread(asked.wait)
    running.cancel()
    await asyncio.sleep(0)
    may_start.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert _left() == []


async def test_a_process_whose_work_failed_is_ended_and_its_pipes_are_closed() -> None:
    def begin() -> subprocess.Popen[bytes]:
        return subprocess.Popen(SLEEPER, stdin=subprocess.PIPE, stderr=subprocess.PIPE)

    with pytest.raises(ZeroDivisionError):
        async with child(begin) as process:
            raise ZeroDivisionError
    assert process.returncode is not None
    assert process.stdin is not None
    assert process.stdin.closed
    assert process.stderr is not None
    assert process.stderr.closed
