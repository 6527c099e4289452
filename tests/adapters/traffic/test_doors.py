"""A real Traefik leads a database's users to one server, to the next one, and to nobody."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from recovery.engines.doors import entry_point
from recovery.traffic.facts import Door, EdgePolicy
from recovery.traffic.traefik import configuration
from tests.adapters.traffic.edge import Edge, answering, running_edge


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with running_edge(tmp_path_factory.mktemp("edge")) as running:
        yield running


def answer(port: int) -> str:
    """What a fresh connection to the door is told; "" when nobody is behind it (an entry point
    without a router is answered by Traefik itself, with a 404)."""
    try:
        found = httpx.get(f"http://127.0.0.1:{port}/", timeout=2)
    except httpx.HTTPError:
        return ""
    return found.text if found.status_code == 200 else ""


def until(port: int, said: str, seconds: float = 10.0) -> float:
    """How long it takes until the door answers so."""
    began = time.monotonic()
    while answer(port) != said:
        assert time.monotonic() - began < seconds, f"the door never said {said!r}"
        time.sleep(0.02)  # polling a foreign process, with a limit
    return time.monotonic() - began


def test_the_door_follows_the_primary_and_closes_when_nobody_may_be_written_to(edge: Edge) -> None:
    def lead(server: str) -> None:
        door = Door("orders", entry_point(edge.door), server)
        edge.tell(configuration([], EdgePolicy(), [door]))

    with ExitStack() as stack:
        first, _, _ = stack.enter_context(answering(b"first"))
        second, _, _ = stack.enter_context(answering(b"second"))
        lead(first.removeprefix("http://"))
        until(edge.door, "first")
        lead(second.removeprefix("http://"))
        assert until(edge.door, "second") < 2.0
        lead("")
        until(edge.door, "")
