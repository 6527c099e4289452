"""Users of every application, through the edge: 50 GET/s each, in a process of its own.

`python -m tests.support.load EDGE OUT RATE NAME...` asks until SIGTERM. Half of the GETs come on a
connection of their own, half on kept ones; one POST a second beside them. A user's patience is
3 s. Each request is one line of OUT: what was asked, when (CLOCK_MONOTONIC, one clock for all
processes), and which container answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from recovery.core.clock import system

PATIENCE = 3.0
POSTS_A_SECOND = 1.0


@dataclass(frozen=True, slots=True)
class Shot:
    """One request and its answer; `error` is empty where a container answered 200."""

    application: str
    verb: str
    kept: bool
    sent: float
    done: float
    error: str
    host: str = ""
    container: str = ""
    generation: int = 0


class Answer(asyncio.Protocol):
    """One connection to the edge: one request at a time, the whole answer as a future."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.received = b""
        self.awaited: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self.awaited and not self.awaited.done() and _is_whole(self.received):
            self.awaited.set_result(self.received)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.awaited and not self.awaited.done():
            self.awaited.set_exception(ConnectionResetError("the edge closed the connection"))

    async def ask(self, request: bytes) -> bytes:
        if self.transport is None:
            raise ConnectionResetError("the kept connection was closed")
        self.received = b""
        self.awaited = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self.awaited

    def close(self) -> None:
        if self.transport is not None:
            self.transport.abort()


def _is_whole(data: bytes) -> bool:
    head, split, body = data.partition(b"\r\n\r\n")
    if not split:
        return False
    for line in head.lower().split(b"\r\n")[1:]:
        if line.startswith(b"content-length:"):
            return len(body) >= int(line[15:])
    return False


class Crowd:
    """The users of one application."""

    def __init__(self, name: str, host: str, port: int, out: TextIO) -> None:
        self.name, self.host, self.port, self.out = name, host, port, out
        self.kept: list[Answer] = []
        self.asked = 0

    def _request(self, verb: str, kept: bool) -> bytes:
        keep = "keep-alive" if kept else "close"
        head = f"{verb} /app/{self.name}/ HTTP/1.1\r\nHost: {self.host}\r\nConnection: {keep}\r\n"
        return (head + ("Content-Length: 0\r\n" if verb == "POST" else "") + "\r\n").encode()

    async def ask(self, verb: str, kept: bool) -> None:
        """One request; its line is written whatever becomes of it."""
        sent, error, data = system.monotonic(), "", b""
        try:
            async with asyncio.timeout(PATIENCE):
                data = await self._exchange(verb, kept)
        except TimeoutError:
            error = f"no answer within {PATIENCE:.0f} s"
        except OSError as failure:
            error = str(failure) or type(failure).__name__
        status = data[9:12].decode()
        who: dict[str, str] = {}
        if status == "200":
            who = json.loads(data.partition(b"\r\n\r\n")[2])
        elif not error:
            error = f"status {status}"
        line = [self.name, verb, kept, sent, system.monotonic(), error]
        line += [who.get("host", ""), who.get("container", ""), int(who.get("generation", 0))]
        self.out.write(json.dumps(line) + "\n")

    async def _exchange(self, verb: str, kept: bool) -> bytes:
        loop = asyncio.get_running_loop()
        connection = self.kept.pop() if kept and self.kept else None
        if connection is None or connection.transport is None:
            _, connection = await loop.create_connection(Answer, self.host, self.port)
        try:
            answer = await connection.ask(self._request(verb, kept))
        except BaseException:
            connection.close()
            raise
        if kept and connection.transport is not None:
            self.kept.append(connection)
        else:
            connection.close()
        return answer

    async def run(self, verb: str, rate: float, offset: float) -> None:
        """Asks at this rate, whether the earlier requests came back or not."""
        flying: set[asyncio.Task[None]] = set()
        due = system.monotonic() + offset
        while True:
            await asyncio.sleep(max(0.0, due - system.monotonic()))
            due += 1 / rate
            self.asked += 1
            task = asyncio.ensure_future(self.ask(verb, self.asked % 2 == 0))
            flying.add(task)
            task.add_done_callback(flying.discard)


async def _ask_until_told(edge: str, out: TextIO, rate: float, names: list[str]) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    host, _, port = edge.partition(":")
    async with asyncio.TaskGroup() as group:
        tasks = []
        for place, name in enumerate(names):
            crowd = Crowd(name, host, int(port), out)
            share = place / len(names)
            tasks.append(group.create_task(crowd.run("GET", rate, share / rate)))
            tasks.append(group.create_task(crowd.run("POST", POSTS_A_SECOND, share)))
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await stop.wait()
            out.flush()
        await asyncio.sleep(PATIENCE + 0.2)  # what is in flight may still be answered
        for task in tasks:
            task.cancel()


# ------------------------------------------------------------------ for the stories


@dataclass(slots=True)
class Load:
    """A running crowd, and what it got so far."""

    out: Path
    process: subprocess.Popen[bytes]
    _read: int = 0
    _shots: list[Shot] = field(default_factory=list)

    def shots(self) -> list[Shot]:
        """Every request so far that came back or was given up."""
        with self.out.open("rb") as lines:
            lines.seek(self._read)
            for line in lines:
                if line.endswith(b"\n"):
                    self._read += len(line)
                    self._shots.append(Shot(*json.loads(line)))
        return list(self._shots)

    def gets(self) -> list[Shot]:
        return [shot for shot in self.shots() if shot.verb == "GET"]

    def stop(self) -> None:
        """No more requests; returns when the last answer is in."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE + 10)


@contextmanager
def load(edge: str, out: Path, names: list[str], rate: float = 50.0) -> Iterator[Load]:
    """Inside, users ask; afterwards nobody does."""
    out.touch()
    argv = [sys.executable, "-m", "tests.support.load", edge.removeprefix("http://"), str(out)]
    with subprocess.Popen([*argv, str(rate), *names]) as process:
        running = Load(out, process)
        try:
            yield running
        finally:
            running.stop()


def down_seconds(shots: list[Shot], application: str) -> float:
    """How long nobody was answered: from the first request without an answer to the next answer.

    What was sent before that answer and failed belongs to the same outage.
    """
    down, since, until = 0.0, None, float("-inf")
    for shot in sorted((s for s in shots if s.application == application), key=lambda s: s.sent):
        if shot.error and since is None and shot.sent >= until:
            since = shot.sent
        elif not shot.error and since is not None:
            down, since, until = down + shot.done - since, None, shot.done
    return down


def main(edge: str, out: str, rate: str, *names: str) -> None:
    with Path(out).open("a") as lines:
        asyncio.run(_ask_until_told(edge, lines, float(rate), list(names)))


if __name__ == "__main__":
    main(*sys.argv[1:])
