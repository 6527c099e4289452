"""`python -m tests.chaos_failover.writing PLAN OUT`: clients at every server directly, until
SIGTERM.

A process of its own, so that what else the run does holds no client up; in mode netns one for
each point of view, started inside that network namespace. PLAN is JSON: `Client` by `Client`.
OUT gets one JSON line for each acknowledged write, and at the end how often each way was tried.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from recovery.core.clock import system
from recovery.core.ports import DATABASE, Login
from recovery.lab.databases.clients import Door, NotWritten
from tests.chaos_failover.acks import Ack, Tenure
from tests.chaos_failover.sessions import Checked, open_checked

PATIENCE = {False: 8.0, True: 2.0}
"""Seconds that a connection is waited for: an established one long, for what its kernel sends
again may arrive late; a fresh one briefly."""
ROOM = 10**13
"""Numbers of one client: milliseconds since 1970, then one by one."""
MOST = 100
"""Clients of one process."""


@dataclass(frozen=True, slots=True)
class Client:
    """One user of one server. `is_fresh`: a new connection for every write. `source`: the address
    to come from, where that is not the kernel's choice. `way`: what all of this is called."""

    database: str
    host: str
    engine: str
    address: str
    port: int
    secret: str
    way: str
    every: float
    is_fresh: bool = False
    source: str = ""

    def door(self, address: str, port: int) -> Door:
        login = Login.CLIENT
        return Door(self.engine, address, port, login, login.password(self.secret), DATABASE)


class Writing:
    """One client at work."""

    def __init__(self, client: Client, index: int, out: TextIO) -> None:
        self._client, self._out = client, out
        self._number = index * ROOM + int(system.now().timestamp() * 1000)
        self.tried = 0
        self._at = client.address, client.port

    async def run(self) -> None:
        """For ever."""
        async with contextlib.AsyncExitStack() as stack:
            if self._client.source:
                self._at = await stack.enter_async_context(_coming_from(self._client))
            session: Checked | None = None
            while True:
                due = system.monotonic() + self._client.every
                session = await self._turn(session)
                await asyncio.sleep(max(0.0, due - system.monotonic()))

    async def _turn(self, session: Checked | None) -> Checked | None:
        """One write; the connection for the next one."""
        self.tried += 1
        try:
            async with asyncio.timeout(PATIENCE[self._client.is_fresh]):
                if session is None:
                    session = await open_checked(self._client.door(*self._at))
                await self._write(session)
        except NotWritten as error:
            if session is None or "read" not in str(error).lower():
                await asyncio.sleep(0.05)
            elif not self._client.is_fresh:
                return session  # a standby's refusal: the connection is good
        except TimeoutError:
            pass
        else:
            if not self._client.is_fresh:
                return session
        if session is not None:
            session.close()
        return None

    async def _write(self, session: Checked) -> None:
        self._number += 1
        done, mark = await session.write(self._number)
        client = self._client
        tenure = Tenure(client.database, client.host, mark)
        ack = Ack(self._number, tenure, done, system.now().timestamp(), client.way)
        self._out.write(json.dumps(ack) + "\n")


@contextlib.asynccontextmanager
async def _coming_from(client: Client) -> AsyncIterator[tuple[str, int]]:
    """A door of this process's own; what enters there goes on from the client's source address."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            far_reader, far_writer = await asyncio.open_connection(
                client.address, client.port, local_addr=(client.source, 0)
            )
            await asyncio.gather(_pour(reader, far_writer), _pour(far_reader, writer))
        writer.transport.abort()

    server = await asyncio.start_server(pass_on, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[:2]


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All of it, until one of the two ends; then both do."""
    try:
        while data := await reader.read(64 * 1024):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.transport.abort()


async def write_all(clients: list[Client], path: Path, *, first: int) -> None:
    """Until SIGTERM. `first`: the number of the first client."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with path.open("w", buffering=1) as out:
        writings = [Writing(client, index, out) for index, client in enumerate(clients, first)]
        tasks = [asyncio.ensure_future(one.run()) for one in writings]
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in [*tasks, stopping]:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        tried: Counter[str] = Counter()
        for client, writing in zip(clients, writings, strict=True):
            tried[client.way] += writing.tried
        failed = [repr(one) for one in ended if not isinstance(one, asyncio.CancelledError)]
        out.write(json.dumps({"tried": tried, "failed": failed}) + "\n")


def read_acks(path: Path) -> tuple[list[Ack], Counter[str], list[str]]:
    """What OUT holds: the acknowledgements, how often each way was tried, what broke."""
    acks, tried, failed = [], Counter[str](), ["the clients' process did not end in order"]
    for line in path.read_text().splitlines():
        found = json.loads(line)
        if isinstance(found, dict):
            tried, failed = Counter(found["tried"]), found["failed"]
        else:
            number, tenure, done, received, way = found
            acks.append(Ack(number, Tenure(*tenure), done, received, way))
    return acks, tried, failed


def databases_in(path: Path) -> set[str]:
    """Which databases have acknowledged anything so far."""
    if not path.exists():
        return set()
    lines = path.read_text().splitlines(keepends=True)
    return {json.loads(line)[1][0] for line in lines if line.startswith("[") and line[-1] == "\n"}


def plan_of(clients: list[Client], group: int) -> str:
    """PLAN. `group`: no other process of this round has it, so that no number comes twice."""
    return json.dumps({"group": group, "clients": [asdict(client) for client in clients]})


def main(plan: str, out: str) -> int:
    told = json.loads(Path(plan).read_text())
    clients = [Client(**each) for each in told["clients"]]
    asyncio.run(write_all(clients, Path(out), first=MOST * told["group"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
