"""Patroni 4.1 on the same machine: two members with PostgreSQL 18 of our wheel, and etcd.

`python -m tests.bench.patroni KILLS OUT`: kills of the leader at the lowest settings that Patroni
allows, then at its defaults; one JSON line each. The same user as on the lab
(`recovery.lab.databases.writer`), who finds the primary by libpq's own search through both
addresses: nothing is lost on a proxy's way. The same stopwatch: SIGKILL of the leader's whole
tree (it is the first process of a pid namespace) until the first acknowledged write afterwards.
Synchronous mode, as the databases of `PostgreSQL synchronous`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg.conninfo import make_conninfo

from recovery.core.clock import system
from recovery.engines.isolation import DIES_WITH_ITS_STARTER, NOBODY, Isolation, choose
from recovery.engines.ports import free_port
from recovery.engines.postgres import find_programs
from recovery.lab.databases.clients import CREATE, NotWritten, PostgresSession
from recovery.lab.databases.gauge import Gap
from recovery.lab.databases.ledger import Ledger
from recovery.lab.databases.writer import Writer

TERMS: Mapping[str, Mapping[str, int]] = {
    "Patroni 4.1, lowest (ttl 20, loop 1, retry 3)": {
        "ttl": 20,
        "loop_wait": 1,
        "retry_timeout": 3,
    },
    "Patroni 4.1, defaults (ttl 30, loop 10, retry 10)": {
        "ttl": 30,
        "loop_wait": 10,
        "retry_timeout": 10,
    },
}
READY_SECONDS, SERVED_SECONDS = 120.0, 120.0
NAMES = ("one", "two")


@dataclass(slots=True)
class Kill:
    """One kill, in the words of `tests.bench.failover`."""

    kind: str
    database: str
    host: str
    served: float | None = None
    gap: float | None = None
    lost: int = 0
    failed: str = ""


class Member:
    """One Patroni with its PostgreSQL, in a pid namespace that ends with its first process."""

    def __init__(self, name: str, folder: Path, etcd: int, terms: Mapping[str, int]) -> None:
        self.name, self.folder = name, folder / name
        self.port, self.rest = free_port(), free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.folder.mkdir(mode=0o700)
        (self.folder / "patroni.json").write_text(json.dumps(self._settings(etcd, terms)))

    def _settings(self, etcd: int, terms: Mapping[str, int]) -> dict[str, Any]:
        trusted = ["local all all trust", "host all all 127.0.0.0/8 trust"]
        return {
            "scope": "bench",
            "name": self.name,
            "restapi": _at(self.rest),
            "etcd3": {"host": f"127.0.0.1:{etcd}"},
            "bootstrap": {
                "dcs": {
                    **terms,
                    "maximum_lag_on_failover": 1048576,
                    "synchronous_mode": True,
                    "postgresql": {"use_pg_rewind": True, "parameters": {"wal_log_hints": "on"}},
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums"],
            },
            "postgresql": _at(self.port)
            | {
                "data_dir": str(self.folder / "data"),
                "bin_dir": str(find_programs()),
                "pgpass": str(self.folder / "pgpass"),
                "authentication": {
                    "superuser": {"username": "postgres", "password": "x"},
                    "replication": {"username": "replicator", "password": "x"},
                    "rewind": {"username": "rewinder", "password": "x"},
                },
                "pg_hba": [*trusted, "host replication all 127.0.0.0/8 trust"],
                "parameters": {
                    "unix_socket_directories": str(self.folder),
                    "shared_buffers": "16MB",
                    "max_connections": 30,
                },
            },
        }

    def start(self) -> None:
        script = shutil.which("patroni", path=str(Path(sys.executable).parent))
        assert script is not None, "Patroni is not installed: make install-bench"
        words = ["unshare", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", *_as_nobody()]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*DIES_WITH_ITS_STARTER[:-1], "--", *words, script, "patroni.json"],
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """SIGKILL of all of it; returns when the kernel has it done."""
        if self.process is not None:
            for child in _children(self.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            self.process.kill()
            self.process.wait()
            self.process = None
            (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)

    def seen(self) -> dict[str, Any]:
        """What its own Patroni says."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.rest}/patroni", timeout=2.0)
            return dict(answer.json())
        except (httpx.HTTPError, ValueError):
            return {}


def _at(port: int) -> dict[str, object]:
    return {"listen": f"127.0.0.1:{port}", "connect_address": f"127.0.0.1:{port}"}


def _as_nobody() -> tuple[str, ...]:
    """PostgreSQL refuses to run as root: the same answer as `recovery.engines.isolation`."""
    if choose() is not Isolation.NAMESPACE:
        return ("-U", "--map-current-user")
    import pwd

    entry = pwd.getpwnam(NOBODY)
    return ("-U", f"--map-user={entry.pw_uid}", f"--map-group={entry.pw_gid}")


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


@contextmanager
def etcd(folder: Path) -> Iterator[int]:
    """Inside, one runs; its client port."""
    client, peer = free_port(), free_port()
    here, there = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
    argv = [
        *DIES_WITH_ITS_STARTER, "etcd", "--data-dir", str(folder / "etcd"),
        "--listen-client-urls", here, "--advertise-client-urls", here,
        "--listen-peer-urls", there, "--initial-advertise-peer-urls", there,
        "--initial-cluster", f"default={there}",
    ]  # fmt: skip
    with (folder / "etcd.log").open("ab") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        yield client
    finally:
        process.kill()
        process.wait()


# ---------------------------------------------------------------------- its user


async def connect(ports: tuple[int, ...]) -> PostgresSession:
    """Whichever of them accepts writes."""
    info = make_conninfo(
        host=",".join(["127.0.0.1"] * len(ports)),
        port=",".join(map(str, ports)),
        user="postgres",
        dbname="postgres",
        application_name="tocsin-writer",
        sslmode="disable",
        gssencmode="disable",
        target_session_attrs="read-write",
    )
    try:
        session = PostgresSession(await psycopg.AsyncConnection.connect(info, autocommit=True))
    except psycopg.Error as error:
        raise NotWritten(str(error)) from error
    try:
        await session._ask(CREATE)
    except BaseException:
        session.close()
        raise
    return session


@asynccontextmanager
async def writing(
    members: tuple[Member, ...], folder: Path, gaps: list[tuple[Gap, int]]
) -> AsyncIterator[Writer]:
    """Inside, somebody writes ten times a second."""
    ports = tuple(member.port for member in members)
    writer = Writer(
        lambda: connect(ports),
        Ledger(folder / "ledger"),
        system,
        changed=lambda: None,
        told=lambda gap, lost: gaps.append((gap, len(lost))),
    )
    task = asyncio.ensure_future(writer.run())
    try:
        yield writer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# ---------------------------------------------------------------------- the kills


async def measure(kind: str, count: int, keep: Callable[[Kill], None]) -> None:
    """So many kills of the leader."""
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-patroni-", dir="/tmp") as home,
        contextlib.ExitStack() as stack,
    ):
        folder = Path(home)
        port = stack.enter_context(etcd(folder))
        members = tuple(Member(name, folder, port, TERMS[kind]) for name in NAMES)
        for member in members:
            stack.callback(member.kill)
            member.start()
        gaps: list[tuple[Gap, int]] = []
        await _until(lambda: _leader(members) is not None, READY_SECONDS)
        async with writing(members, folder, gaps) as writer:
            for _ in range(count):
                keep(await _one(kind, members, writer, gaps))


async def _one(
    kind: str, members: tuple[Member, ...], writer: Writer, gaps: list[tuple[Gap, int]]
) -> Kill:
    """One kill; whatever goes wrong is its reason."""
    result = Kill(kind, "patroni", "")
    try:
        await _until(lambda: _is_whole(members, writer), READY_SECONDS)
        leader = _leader(members)
        assert leader is not None, "no leader"
        result.host = leader.name
        gaps.clear()
        instant = system.monotonic()
        leader.kill()
        await _until(lambda: bool(gaps), SERVED_SECONDS)
        gap, lost = gaps[0]
        result.served, result.gap = round(gap.ended - instant, 3), round(gap.seconds, 3)
        result.lost = lost
    except (TimeoutError, AssertionError, OSError) as error:
        result.failed = str(error) or "not in time"
    for member in members:
        if member.process is None:
            member.start()
    return result


def _leader(members: tuple[Member, ...]) -> Member | None:
    leaders = [m for m in members if m.seen().get("role") in ("primary", "master")]
    return leaders[0] if len(leaders) == 1 else None


def _is_whole(members: tuple[Member, ...], writer: Writer) -> bool:
    """A leader that acknowledges, and a member that Patroni itself would promote without loss."""
    seen = [member.seen() for member in members]
    roles = sorted(str(each.get("role")) for each in seen)
    is_followed = any(
        each.get("sync_standby") and each.get("replication_state") == "streaming" for each in seen
    )
    is_written = writer.gauge.failing_since is None and writer.gauge.acknowledged > 0
    return roles[0] in ("master", "primary") and is_followed and is_written


async def _until(holds: Callable[[], bool], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110 (another program's state)
            await asyncio.sleep(0.2)


def main(count: int, out: Path) -> None:
    """Whatever is still missing of both settings."""
    lines = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []

    def keep(one: Kill) -> None:
        with out.open("a") as kept:
            kept.write(json.dumps(asdict(one)) + "\n")
        said = one.failed or f"served after {one.served:.2f} s"
        print(f"      {one.kind}: {said}; lost {one.lost}", flush=True)

    for kind in TERMS:
        missing = count - sum(line["kind"] == kind for line in lines)
        if missing > 0:
            try:
                asyncio.run(measure(kind, missing, keep))
            except (TimeoutError, AssertionError, OSError) as error:
                print(f"      {kind}: ended early: {error!r}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
