"""What the shipped configuration makes a real Traefik do when containers fall silent."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from uuid import uuid4

import httpx
import pytest

from recovery.core.clock import ManualClock, system
from recovery.traffic.facts import Answer, EdgePolicy, Route
from recovery.traffic.prober import Prober, Target, ask_edge
from recovery.traffic.timeline import Began, Ended
from recovery.traffic.traefik import configuration
from tests.adapters.traffic.edge import Edge, answering, dead, mute, running_edge

Silence = Callable[[], AbstractContextManager[str]]


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with running_edge(tmp_path_factory.mktemp("edge")) as running:
        yield running


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def publish(edge: Edge, name: str, *servers: str) -> None:
    """Route the application to these servers, nothing known of their health."""
    edge.tell(configuration([Route(name, servers, "/healthz")], EdgePolicy()))
    edge.wait_for(f"/app/{name}/")


def gets(edge: Edge, name: str, count: int, *, kept: bool) -> tuple[list[int], float]:
    """Status codes of so many GETs, and the longest of them in seconds."""
    codes, longest = [], 0.0
    with httpx.Client(timeout=3) as client:
        for _ in range(count):
            began = time.monotonic()
            headers = {} if kept else {"Connection": "close"}
            codes.append(client.get(f"{edge.url}/app/{name}/x", headers=headers).status_code)
            longest = max(longest, time.monotonic() - began)
    return codes, longest


def test_a_burst_dials_once_and_the_next_one_not_again(edge: Edge, stack: ExitStack) -> None:
    good, handler, _ = stack.enter_context(answering(b"good"))
    handler.seconds = 0.05  # long enough for all of a burst to be in flight
    name = f"b{uuid4().hex[:6]}"
    publish(edge, name, good)
    pool = stack.enter_context(ThreadPoolExecutor(20))
    for _ in range(5):
        for codes, _ in pool.map(lambda _: gets(edge, name, 1, kept=False), range(20)):
            assert codes == [200]
    assert handler.connections <= 40


@pytest.mark.parametrize("kept", [True, False], ids=["kept-alive", "fresh"])
@pytest.mark.parametrize("silence", [dead, mute], ids=["dead", "mute"])
def test_a_silent_container_fails_no_get(
    edge: Edge, stack: ExitStack, silence: Silence, kept: bool
) -> None:
    good, _, _ = stack.enter_context(answering(b"good"))
    bad = stack.enter_context(silence())
    name = f"s{uuid4().hex[:6]}"
    publish(edge, name, good, bad)
    codes, longest = gets(edge, name, 40, kept=kept)
    assert codes == [200] * 40
    assert longest < 3


@pytest.mark.parametrize("kept", [True, False], ids=["kept-alive", "fresh"])
def test_two_silent_containers_of_three_fail_no_get(
    edge: Edge, stack: ExitStack, kept: bool
) -> None:
    good, _, _ = stack.enter_context(answering(b"good"))
    name = f"t{uuid4().hex[:6]}"
    publish(edge, name, good, stack.enter_context(dead()), stack.enter_context(mute()))
    codes, _ = gets(edge, name, 40, kept=kept)
    assert codes == [200] * 40


def test_no_post_is_sent_twice(edge: Edge, stack: ExitStack) -> None:
    good, handler, _ = stack.enter_context(answering(b"good"))
    publish(edge, "posts", good, stack.enter_context(mute()))
    codes = [
        httpx.post(f"{edge.url}/app/posts/x", content=b"hello", timeout=3).status_code
        for _ in range(20)
    ]
    assert codes.count(200) == handler.posts


async def test_the_prober_times_an_outage_to_its_interval(edge: Edge, stack: ExitStack) -> None:
    """The only container stops answering, and answers again. The prober's clock moves with its
    ticks, so a test that stands still for a while is no sleep of the prober's."""
    good, _, _ = stack.enter_context(answering(b"good"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{probe.getsockname()[1]}"
        publish(edge, "probed", good)
        clock = ManualClock(system.now())
        async with httpx.AsyncClient(base_url=edge.url, timeout=60) as client:
            prober = Prober(clock=clock, ask=partial(ask_edge, client))
            prober.watch((Target(uuid4(), "probed", "/healthz"),))
            await ticks(prober, clock, lambda: bool(prober.rates()) and not prober.flying)
            left = clock.monotonic()
            edge.tell(configuration([Route("probed", (closed,), "/healthz")], EdgePolicy()))
            await ticks(prober, clock, lambda: len(prober.told) == 1)
            noticed = clock.monotonic()
            await ticks(prober, clock, lambda: clock.monotonic() > noticed + 2)
            back = clock.monotonic()
            edge.tell(configuration([Route("probed", (good,), "/healthz")], EdgePolicy()))
            await ticks(prober, clock, lambda: len(prober.told) == 2)
    began, ended = (item.change for item in prober.take())
    assert isinstance(began, Began)
    assert began.seen
    assert left <= began.at <= noticed
    assert isinstance(ended, Ended)
    assert ended.seen
    assert back <= ended.at <= clock.monotonic()


async def ticks(prober: Prober, clock: ManualClock, done: Callable[[], bool]) -> None:
    """Let the prober work until something is so, at most for a minute of its clock."""
    until = clock.monotonic() + 60
    while not done():
        assert clock.monotonic() < until, prober.timelines
        prober.tick()
        await asyncio.sleep(0.02)
        clock.advance(0.02)


async def test_an_edge_that_is_away_or_without_routes_is_unknown(edge: Edge) -> None:
    edge.tell({})
    async with httpx.AsyncClient(base_url=edge.url, timeout=3) as client:
        assert (await ask_edge(client, "/app/nobody/"))[0] is Answer.UNKNOWN
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=nowhere, timeout=3) as client:
            assert (await ask_edge(client, "/app/nobody/"))[0] is Answer.UNKNOWN
