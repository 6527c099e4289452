"""One contract for every container engine; docs of the port: `recovery.core.ports.Containers`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from recovery.core.ports import Sight, StartFailed
from recovery.core.wire import ContainerSpec
from tests.adapters.containers.engines import Engine
from tests.support.waiting import until


async def sight(engine: Engine, placement: str = "seat") -> Sight | None:
    found = [s for s in await engine.port.look() if s.placement == placement]
    assert len(found) <= 1
    return found[0] if found else None


async def until_ended(engine: Engine) -> Sight:
    async def has_ended() -> bool:
        found = await sight(engine)
        return found is not None and not found.running

    await until(has_ended)
    found = await sight(engine)
    assert found is not None
    return found


async def test_a_started_container_runs_and_answers(engine: Engine) -> None:
    spec = engine.spec()
    await engine.port.start(spec)
    found = await sight(engine)
    assert found is not None
    assert found.running
    assert (found.application, found.container, found.generation) == ("shop", "shop-1", 1)
    assert "shop-1" in await engine.answer(spec)


async def test_starting_what_runs_changes_nothing(engine: Engine) -> None:
    spec = engine.spec()
    await engine.port.start(spec)
    before = await engine.answer(spec)
    await engine.port.start(spec)
    assert await engine.answer(spec) == before


async def test_two_starts_at_once_make_one_container(engine: Engine) -> None:
    spec = engine.spec()
    await asyncio.gather(engine.port.start(spec), engine.port.start(spec))
    assert len(await engine.port.look()) == 1
    assert await engine.answer(spec)


async def test_another_generation_is_refused_while_one_runs(engine: Engine) -> None:
    await engine.port.start(engine.spec())
    with pytest.raises(StartFailed, match="generation 1 still runs"):
        await engine.port.start(engine.spec(generation=2))
    found = await sight(engine)
    assert found is not None
    assert found.generation == 1


async def test_a_stopped_container_is_gone_without_trace(engine: Engine) -> None:
    spec = engine.spec()
    await engine.port.start(spec)
    await engine.port.stop("seat", grace=2.0)
    assert await engine.port.look() == ()
    assert not await engine.is_listening(spec)
    await engine.port.start(engine.spec(generation=2))
    assert (await sight(engine)) is not None


async def test_stopping_what_is_not_there_is_no_error(engine: Engine) -> None:
    await engine.port.stop("nobody", grace=1.0)


async def test_a_container_that_ignores_the_request_is_killed_after_the_grace(
    engine: Engine,
) -> None:
    spec = engine.spec(command=engine.stubborn)
    await engine.port.start(spec)
    await engine.until_ready(spec)
    await engine.port.stop("seat", grace=0.3)
    assert await engine.port.look() == ()


async def test_a_container_that_ends_stays_visible_with_how_it_ended(engine: Engine) -> None:
    woken = asyncio.Event()
    engine.port.on_change(woken.set)
    await engine.port.start(engine.spec(command=engine.exits_with_3))
    ended = await until_ended(engine)
    assert "3" in ended.ended
    async with asyncio.timeout(30):
        await woken.wait()


async def test_an_ended_container_can_be_started_again(engine: Engine) -> None:
    await engine.port.start(engine.spec(command=engine.exits_with_3))
    await until_ended(engine)
    spec = engine.spec()
    await engine.port.start(spec)
    assert await engine.answer(spec)


async def test_the_next_agent_finds_what_runs(engine: Engine) -> None:
    spec = engine.spec()
    await engine.port.start(spec)
    before = await engine.answer(spec)
    await engine.another()
    found = await sight(engine)
    assert found is not None
    assert found.running
    await engine.port.start(spec)
    assert await engine.answer(spec) == before
    await engine.port.stop("seat", grace=2.0)
    assert not await engine.is_listening(spec)


async def test_what_cannot_start_says_why_and_leaves_nothing(engine: Engine) -> None:
    with pytest.raises(StartFailed):
        await engine.port.start(engine.impossible())
    assert await engine.port.look() == ()


@pytest.mark.parametrize("placement", ["../up", "a/b", "", ".hidden", "x" * 200, "a b;c"])
async def test_a_placement_that_is_no_name_is_refused(engine: Engine, placement: str) -> None:
    spec: ContainerSpec = engine.spec(placement=placement)
    with pytest.raises(StartFailed) as refused:
        await engine.port.start(spec)
    assert refused.value.field == "placement"


async def test_arguments_reach_the_program_as_they_are(engine: Engine) -> None:
    odd: Any = "; rm -rf $HOME `id` {nobody} \n -"
    spec = engine.spec(environment={"ODD": odd})
    await engine.port.start(spec)
    assert await engine.answer(spec)
