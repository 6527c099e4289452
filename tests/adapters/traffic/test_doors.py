"""A real Traefik leads a database's users to one server, to the next one, and to nobody."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from recovery.engines.edge.doors import entry_point
from recovery.traffic.facts import Door, EdgePolicy
from recovery.traffic.traefik import configuration
from tests.adapters.traffic.edge import Edge, answering, running_edge
from tests.support.clocks.steady import steady


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


def until(port: int, said: str, seconds: float = 60.0) -> float:
    """How long it takes until the door answers so."""
    began = steady.monotonic()
    while answer(port) != said:
        assert steady.monotonic() - began < seconds, f"the door never said {said!r}"
        time.sleep(0.02)  # polling a foreign process, with a limit
    return steady.monotonic() - began


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
        assert sent_away(edge.door) < 1.0, "nobody waits at a door that is closed"
        lead(first.removeprefix("http://"))
        until(edge.door, "first")


def test_nobody_waits_where_the_edge_has_no_word_yet(tmp_path: Path) -> None:
    with running_edge(tmp_path) as new:
        assert sent_away(new.door) < 5.0


@contextmanager
def led(edge: Edge) -> Iterator[None]:
    """The door leads to a server."""
    with answering(b"here") as (server, _, _):
        where = server.removeprefix("http://")
        edge.tell(configuration([], EdgePolicy(), [Door("orders", entry_point(edge.door), where)]))
        until(edge.door, "here")
        yield


def test_a_session_that_says_nothing_for_longer_than_that_stays(edge: Edge) -> None:
    with ExitStack() as stack:
        stack.enter_context(led(edge))
        user = stack.enter_context(socket.create_connection(("127.0.0.1", edge.door), timeout=5))
        user.settimeout(4.0)
        with pytest.raises(TimeoutError):
            user.recv(1)
        user.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b"200 OK" in user.recv(100)


def test_nobody_waits_for_a_server_whose_host_takes_no_connection_any_more(edge: Edge) -> None:
    """As one that is cut off, or burnt down, until the door is closed or leads elsewhere."""
    with ExitStack() as stack:
        stack.enter_context(led(edge))
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        where = f"127.0.0.1:{full.getsockname()[1]}"
        edge.tell(configuration([], EdgePolicy(), [Door("orders", entry_point(edge.door), where)]))
        until(edge.door, "")
        assert sent_away(edge.door) < 5.0


def connected(port: int) -> socket.socket:
    """As soon as it listens."""
    until = steady.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=30)
        except ConnectionRefusedError:
            assert steady.monotonic() < until, "Traefik never listened"
            time.sleep(0.02)  # polling a foreign process, with a limit


def sent_away(port: int) -> float:
    """Seconds until a user of PostgreSQL is told that nobody is there: its end of the connection is
    closed, or answered by somebody who is no database."""
    said = struct.pack("!ii", 8, 196608)
    began = steady.monotonic()
    with connected(port) as user:
        user.sendall(said)
        try:
            found = user.recv(100)
        except ConnectionResetError:
            found = b""
    assert found[:1] in {b"", b"H"}, found
    return steady.monotonic() - began
