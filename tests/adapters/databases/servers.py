"""Replicas of one database on this machine, each a real server in a folder of its own."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import replace as changed
from pathlib import Path
from typing import Any, Protocol

import msgspec
import psutil

from recovery.adapters.databases.choice import engine_for
from recovery.core.ports import Command, DatabaseEngine, Place, ServerFacts
from recovery.core.wire import DatabaseSpec, EngineName, Member, ReplicaRole
from tests.support.own import free_port
from tests.support.waiting import until

SECRET = "shared by the members"
SECONDS = 60.0


class Writes(Protocol):
    """What a client does, in the engine's own tongue."""

    async def prepare(self, server: Server) -> None:
        """Once, before the first write."""

    async def write(self, server: Server, number: int) -> None:
        """Returns when it was acknowledged."""

    async def numbers(self, server: Server) -> set[int]:
        """What a client reads."""

    def alone(self, *numbers: int) -> tuple[str, ...]:
        """How a divergence of these writes is told."""


class Server:
    """One replica and its process."""

    def __init__(self, replica: str, folder: Path, spec: DatabaseSpec, place: Place) -> None:
        self.replica, self.folder, self.place = replica, folder, place
        self.spec = spec
        self.engine: DatabaseEngine = engine_for(spec, place)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    async def start(self) -> None:
        await self.spawn()
        await self.engine.accepts(SECONDS)

    async def spawn(self) -> None:
        await self.engine.arrange(self.spec)
        command = self.engine.command(self.spec)
        self.process = _spawned(command)

    async def look(self) -> ServerFacts:
        return await self.engine.look(self.spec)

    async def stop(self) -> None:
        """In order; asked again, because a server may refuse while it writes its first file."""

        def has_ended() -> bool:
            if process.poll() is None:
                process.send_signal(self.engine.command(self.spec).polite)
            return process.poll() is not None

        if self.process is not None:
            process, self.process = self.process, None
            await until(has_ended, SECONDS)

    def kill(self) -> None:
        """At once, every process of it; waited for, as stack.md asks.

        Stopped first, so that no child is born between the look and the kill. A child that lives on
        holds the shared memory, and PostgreSQL refuses to start beside it.
        """
        if self.process is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            top = psutil.Process(self.process.pid)
            top.suspend()
            family = [*top.children(recursive=True), top]
            for each in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
            self.process.wait(timeout=SECONDS)
            _ended(family, SECONDS)
        self.process = None

    async def reaches(self, position: int) -> None:
        """Returns when this much of the log is here."""

        async def has_it() -> bool:
            return (await self.look()).position >= position

        await until(has_it, SECONDS)

    def pause(self) -> None:
        """Every process of it stops where it is."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After a pause."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            top = psutil.Process(self.process.pid)
            for each in [top, *top.children(recursive=True)]:
                with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
                    each.send_signal(number)  # a receiver of the log ends by itself

    async def until_streaming(self) -> None:
        async def is_streaming() -> bool:
            return (await self.look()).is_streaming

        await until(is_streaming, SECONDS)


def _ended(family: list[psutil.Process], seconds: float) -> None:
    """Returns when none holds anything any more; one that nobody reaps yet holds nothing."""

    def lives(process: psutil.Process) -> bool:
        try:
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    deadline = time.monotonic() + seconds
    while any(map(lives, family)):
        assert time.monotonic() < deadline, "a killed process lives on"
        time.sleep(0.01)


def _spawned(command: Command) -> subprocess.Popen[bytes]:
    with command.log.open("ab") as log:
        return subprocess.Popen(
            command.argv,
            env=dict(command.environment),
            cwd=command.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


class Family:
    """The members of one database. `give` hands every member the same decided roles."""

    def __init__(
        self, engine: EngineName, version: str, folder: Path, settings: Mapping[str, str]
    ) -> None:
        self.folder, self.engine, self.version = folder, engine, version
        self.epoch = 1
        self.settings = dict(settings)
        self.ports = {name: free_port() for name in ("a", "b", "c")}
        self.servers: dict[str, Server] = {}
        for name in self.ports:
            place = Place(folder / name, "127.0.0.1")
            spec = self.spec(name, primary=next(iter(self.ports)))
            self.servers[name] = Server(name, folder / name, spec, place)

    def spec(self, name: str, *, primary: str, **more: Any) -> DatabaseSpec:
        roles: dict[str, ReplicaRole] = {
            each: "primary" if each == primary else "standby" for each in self.ports
        }
        members = tuple(
            Member(
                replica=each,
                host=f"host-{each}",
                address="127.0.0.1",
                port=port,
                peer_port=1,
                role=roles[each],
            )
            for each, port in self.ports.items()
        )
        spec = DatabaseSpec(
            replica=name,
            database="d",
            name="shop",
            engine=self.engine,
            version=self.version,
            role=roles[name],
            epoch=self.epoch,
            port=self.ports[name],
            secret=SECRET,
            members=members,
            settings=self.settings,
        )
        return msgspec.structs.replace(spec, **more)

    def give(self, primary: str, **more: Any) -> None:
        """The control plane decided: these roles, at a higher epoch."""
        self.epoch += 1
        for name, server in self.servers.items():
            server.spec = self.spec(name, primary=primary, **more)

    async def pair(self, writes: Writes) -> tuple[Server, Server]:
        """A primary with a place for writes and a standby that streams."""
        a, b = self.servers["a"], self.servers["b"]
        await a.engine.make(a.spec)
        await a.start()
        await writes.prepare(a)
        await b.engine.clone(b.spec)
        await b.start()
        await b.until_streaming()
        return a, b

    async def another(self, name: str) -> Server:
        """The same replica in another agent's hands."""
        old = self.servers[name]
        await old.engine.close()
        self.servers[name] = Server(name, old.folder, old.spec, changed(old.place))
        self.servers[name].process = old.process
        return self.servers[name]

    async def close(self) -> None:
        for server in self.servers.values():
            await server.engine.close()
            server.kill()
