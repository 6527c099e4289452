"""What waits to be heard of an agent while rows are written slowly."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from recovery.core import wire
from recovery.gateway import actions
from recovery.gateway.actions import Sights
from recovery.gateway.inbox import Inbox
from tests.gateway.agents import Stage, gateway, make_stage, session
from tests.support.databases import Database
from tests.support.fleet import make_fleet


@pytest.fixture
def stage(fresh_database: Database, tmp_path: Path) -> Stage:
    return make_stage(tmp_path, make_fleet(alive=False))


def picture(position: int) -> wire.DatabaseReport:
    fact = wire.ReplicaFact(
        replica="r", epoch=1, state="running", role="primary", position=position
    )
    return wire.DatabaseReport(replicas=(fact,))


def outcome(operation: str) -> wire.Outcome:
    return wire.Outcome(operation=operation, epoch=1, state="done")


async def heard(inbox: Inbox) -> list[wire.FromAgent]:
    await inbox.end()
    found: list[wire.FromAgent] = []
    while (frame := await inbox.next()) is not None:
        found.append(frame)
    return found


async def test_of_whole_pictures_that_wait_only_the_newest_is_heard_and_all_else_in_its_order() -> (
    None
):
    inbox = Inbox()
    for frame in (picture(1), outcome("a"), picture(2), outcome("b"), picture(3), outcome("c")):
        inbox.put(frame)
    assert await heard(inbox) == [outcome("a"), outcome("b"), picture(3), outcome("c")]


async def test_a_picture_that_comes_after_the_last_one_was_heard_is_heard_too() -> None:
    inbox = Inbox()
    inbox.put(picture(1))
    assert await inbox.next() == picture(1)
    inbox.put(picture(2))
    assert await heard(inbox) == [picture(2)]


async def test_what_was_so_minutes_ago_is_not_written_as_now_where_rows_are_slow(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_it, goes_on, last = threading.Event(), threading.Event(), threading.Event()
    written: list[int] = []

    def slowly(*, host: object, report: wire.DatabaseReport, now: object) -> Sights:
        written.append(report.replicas[0].position)
        at_it.set()
        assert goes_on.wait(60)
        if written[-1] == 60:
            last.set()
        return Sights((), False)

    monkeypatch.setattr(actions, "record_sights", slowly)
    async with gateway() as port, session(port, stage) as socket:
        await socket.send(wire.encode(picture(1)))
        assert await asyncio.to_thread(at_it.wait, 10)
        for second in range(2, 61):
            await socket.send(wire.encode(picture(second)))
        # Its socket is read in order: what is answered at once was read after all of them.
        await socket.send("no frame")
        async with asyncio.timeout(60):
            while not isinstance(wire.decode_from_gateway(await socket.recv()), wire.Refusal):
                pass
        goes_on.set()
        assert await asyncio.to_thread(last.wait, 10)
    assert written == [1, 60]
