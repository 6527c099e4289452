"""Sessions through a real edge: whoever hangs on a server to which nobody is led is sent away."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from structlog.testing import capture_logs

from recovery.engines.edge import sessions
from recovery.engines.edge.doors import entry_point
from recovery.engines.edge.sessions import (
    Doors,
    Endpoint,
    Session,
    Watch,
    end_session,
    sessions_of,
)
from recovery.engines.edge.settings import watched
from recovery.traffic.facts import Door, EdgePolicy
from recovery.traffic.traefik import configuration
from tests.adapters.traffic.edge import Edge, answering, mute, running_edge, traefik
from tests.adapters.traffic.test_doors import connected, until
from tests.support.running import ROOT

A, B, C = ("192.0.2.7", 15432), ("192.0.2.8", 15432), ("192.0.2.9", 15432)


def told(**led: tuple[str, int] | None) -> dict[str, object]:
    """What the endpoint says of these databases."""
    doors = [Door(name, f"db-{name}", f"{at[0]}:{at[1]}" if at else "") for name, at in led.items()]
    return configuration([], EdgePolicy(), doors)


def test_whoever_is_with_a_server_that_was_led_to_and_is_not_is_ended() -> None:
    doors = Doors()
    doors.hear(told(shop=A, desk=B))
    open_ = [Session(5, A), Session(6, B), Session(7, C)]
    assert doors.to_end(open_) == []
    doors.hear(told(shop=None, desk=B))
    assert doors.to_end(open_) == [Session(5, A)], "its door is closed"
    doors.hear(told(shop=B, desk=B))
    assert doors.to_end(open_) == [Session(5, A)], "its door leads elsewhere"
    doors.hear(told(shop=A, desk=None))
    assert doors.to_end(open_) == [Session(6, B)], "led there again; C was never behind a door"


@pytest.mark.parametrize("word", [{}, {"http": {"services": {}}}])
def test_no_word_of_databases_ends_nothing(word: dict[str, object]) -> None:
    doors = Doors()
    doors.hear(told(shop=A))
    doors.hear(word)
    assert doors.to_end([Session(5, A)]) == []


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with running_edge(tmp_path_factory.mktemp("edge")) as running:
        yield running


def lead(edge: Edge, server: str) -> None:
    door = Door("orders", entry_point(edge.door), server.removeprefix("http://"))
    edge.tell(configuration([], EdgePolicy(), [door]))


@contextmanager
def hanging(edge: Edge) -> Iterator[socket.socket]:
    """A user in the middle of a statement that nobody answers, as of a host that was cut off."""
    with answering(b"here") as (here, _, _), mute() as silent:
        lead(edge, here)
        until(edge.door, "here")
        lead(edge, silent)
        until(edge.door, "")
        with connected(edge.door) as user:
            user.sendall(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")
            user.settimeout(3.0)
            with pytest.raises(TimeoutError):
                user.recv(1)
            yield user


@pytest.mark.parametrize("then", ["leads elsewhere", "is closed"])
def test_a_session_that_hangs_on_a_lost_server_ends_when_its_door(edge: Edge, then: str) -> None:
    with hanging(edge) as user, answering(b"next") as (following, _, _):
        lead(edge, following if then == "leads elsewhere" else "")
        user.settimeout(30.0)
        assert user.recv(1) == b"", "closed, so that it may try again"
        if then == "leads elsewhere":
            until(edge.door, "next")


def test_an_endpoint_that_says_nothing_ends_no_session(edge: Edge) -> None:
    with hanging(edge) as user, edge.away(), pytest.raises(TimeoutError):
        user.recv(1)


def test_a_session_with_a_server_that_is_led_to_stays(edge: Edge) -> None:
    with answering(b"here") as (here, _, _), answering(b"next") as (following, _, _):
        lead(edge, here)
        until(edge.door, "here")
        both = [
            Door("orders", entry_point(edge.door), following.removeprefix("http://")),
            Door("desk", "db-elsewhere", here.removeprefix("http://")),
        ]
        with connected(edge.door) as user:
            edge.tell(configuration([], EdgePolicy(), both))
            until(edge.door, "next")
            user.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert b"200 OK" in user.recv(100), "another door leads there still"


def test_a_number_that_is_another_connections_by_now_is_left_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        holds = "import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1])));"
        argv = [sys.executable, "-c", holds + "s.recv(1)", str(server.getsockname()[1])]
        with subprocess.Popen(argv) as child:
            line, _ = server.accept()
            with line:
                (session,) = sessions_of(child.pid)
                end_session(child.pid, Session(session.fd, C))
                end_session(child.pid, Session(999, session.server))
                assert child.poll() is None
                line.settimeout(0.5)
                with pytest.raises(TimeoutError):
                    line.recv(1)
                end_session(child.pid, session)
                assert child.wait(10) == 0


def test_where_the_edge_may_not_be_looked_at_that_is_said_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def denied(pid: int) -> list[Session]:
        raise psutil.AccessDenied(pid)

    words = iter([told(shop=A), told(shop=B), told(shop=B)])

    class Said(Endpoint):
        def __init__(self) -> None:
            """It is asked nothing over a network."""

        def ask(self) -> dict[str, object]:
            return next(words)

    monkeypatch.setattr(sessions, "sessions_of", denied)
    watch = Watch(1, Said())
    with capture_logs() as logs:
        for _ in range(3):
            watch.look()
    assert [one["event"] for one in logs] == ["a session that leads nowhere is not ended"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_edge_does_not_outlive_who_watches_it(tmp_path: Path, how: signal.Signals) -> None:
    settings = tmp_path / "edge.json"
    settings.write_text('{"providers": {"http": {"endpoint": "http://127.0.0.1:9/"}}}')
    with subprocess.Popen(watched(settings, traefik()), cwd=ROOT) as watcher:
        below: list[psutil.Process] = []
        deadline = time.monotonic() + 20
        while not (below and below[0].name() == "traefik"):
            assert time.monotonic() < deadline, "Traefik never began"
            below = psutil.Process(watcher.pid).children()
            time.sleep(0.02)  # polling a foreign process, with a limit
        os.kill(watcher.pid, how)
        gone, alive = psutil.wait_procs(below, timeout=20)
        assert not alive
        assert gone
