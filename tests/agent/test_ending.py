"""What is told to stop stops, or is named, and keeps nobody waiting."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
from websockets.asyncio.client import ClientConnection

from recovery.agent.databases import endings
from recovery.agent.databases.endings import Endings, RunsOn
from recovery.agent.databases.leash import Leash, WatchdogAway
from recovery.agent.link import Host, Link
from recovery.core import wire
from recovery.core.ending import end

FOR_EVER = 3600.0


async def deaf(times: int) -> None:
    """Takes so many cancellations for its own, as a library did."""
    for _ in range(times):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(FOR_EVER)
    await asyncio.sleep(FOR_EVER)


async def started(times: int) -> asyncio.Task[None]:
    task = asyncio.create_task(deaf(times), name="the deaf one")
    await asyncio.sleep(0)
    return task


async def test_whoever_loses_a_cancellation_is_cancelled_again_and_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    task = await started(2)
    assert not await end([task], again=0.01, within=10.0)
    assert task.cancelled()
    assert caplog.text.count("the deaf one: went on after it was cancelled") == 2


async def test_whoever_never_ends_is_waited_for_a_bounded_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    task = await started(20)
    assert await end([task], again=0.01, within=0.05) == {task}
    assert "the deaf one: runs on" in caplog.text
    await end([task], again=0.001)


async def test_whoever_waits_can_be_cancelled_itself() -> None:
    task = await started(1)
    waiting = asyncio.create_task(end([task]))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting}, timeout=1.0)
    assert waiting.cancelled()
    await end([task], again=0.001)


class Watched(Leash):
    """A watchdog that quits when it is asked often enough."""

    def __init__(self, folder: Path, refusals: int) -> None:
        super().__init__(folder)
        self.refusals = refusals

    async def quit(self) -> None:
        if self.refusals:
            self.refusals -= 1
            raise WatchdogAway("it lives on")


class Server:
    def __init__(self, leash: Leash) -> None:
        self.leash, self.stops = leash, 0

    async def stop(self) -> None:
        self.stops += 1


class Replica:
    name = "replica-a"

    def __init__(self, folder: Path, refusals: int = 0) -> None:
        self.server = Server(Watched(folder / "replica-a", refusals))
        self.is_closed = False

    async def close(self) -> None:
        self.is_closed = True


def of_a_host(done: list[str]) -> Endings:
    async def put_away(name: str) -> None:
        done.append(f"put away {name}")

    async def take_up(name: str) -> None:
        done.append(f"take up {name}")

    return Endings(put_away, take_up)


async def until_over(ending: Endings) -> None:
    over = asyncio.Event()
    ending.after(over.set)
    async with asyncio.timeout(30.0):
        await over.wait()


async def test_a_server_that_does_not_end_is_asked_again_and_keeps_nobody_waiting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endings, "AGAIN_FIRST", 0.01)
    done: list[str] = []
    ending, replica = of_a_host(done), Replica(tmp_path, refusals=2)
    ending.begin(replica, await started(0))
    assert "replica-a" in ending
    await until_over(ending)
    assert replica.server.stops == 3
    assert caplog.text.count("does not end: it lives on") == 2
    assert replica.is_closed
    assert done == ["put away replica-a", "take up replica-a"]
    assert "replica-a" not in ending


async def test_one_that_is_minded_on_after_all_ends_the_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its record stays, its server is not stopped under it: the next agent ends both."""

    async def in_vain(tasks: list[asyncio.Task[None]]) -> frozenset[asyncio.Task[None]]:
        return frozenset(tasks)

    monkeypatch.setattr(endings, "end", in_vain)
    done: list[str] = []
    ending, replica, rounds = of_a_host(done), Replica(tmp_path), await started(0)
    ending.begin(replica, rounds)
    await asyncio.sleep(0.01)
    with pytest.raises(RunsOn, match="replica-a"):
        ending.check()
    assert not done
    assert not replica.server.stops
    await end([rounds])


class Busy:
    """An agent that never comes to an end with a frame."""

    async def take(self, frame: wire.FromGateway, link: Link) -> None:
        await asyncio.sleep(FOR_EVER)


async def test_a_session_whose_frame_is_not_taken_in_time_breaks(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was stuck for ever, while heartbeats went on: a host that hears nothing looked alive."""

    async def frames() -> AsyncIterator[str]:
        yield wire.encode(wire.Probe(peers=()))

    monkeypatch.setattr("recovery.agent.link.TAKE_SECONDS", 0.01)
    link = Link("ws://nowhere", cast(Host, Busy()))
    with pytest.raises(TimeoutError), caplog.at_level(logging.WARNING):
        await link._read(cast(ClientConnection, frames()))
    assert "a Probe took over" in caplog.text
