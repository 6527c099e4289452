"""The processes of Tocsin as data: what the supervisor starts, in which order.

To add one: add a line to `ours()`. A program whose code is not installed is left out and said.
"""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import httpx

from recovery.engines.places import door
from recovery.engines.ports import opens
from recovery.engines.postgres import Cluster
from recovery.engines.valkey import Valkey
from recovery.engines.wishes import Addresses


class Stage(IntEnum):
    """Started in this order and stopped in the reverse one.

    The rest is what nobody waits for: it starts after Tocsin has said that it is up.
    """

    STORES = 0
    SERVICES = 1
    LAB = 2
    REST = 3


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Program:
    """One process to keep running.

    `module` holds its code, where that is ours: without it the program is left out.
    `is_ready` says whether it serves; `prepare` runs before every start. The first restart
    comes after `backoff` seconds, then twice as long each time, until it has run for a minute.
    """

    name: str
    argv: Sequence[str]
    module: str = ""
    stage: Stage = Stage.SERVICES
    is_ready: Callable[[], bool] | None = None
    prepare: Callable[[], None] = _nothing
    env: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    backoff: float = 0.2
    log: Path | None = None


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """True when something listens there."""
    try:
        socket.create_connection((host, port), timeout=0.5).close()
    except OSError:
        return False
    return True


def answers(url: str) -> bool:
    """True when the URL answers 200."""
    try:
        return httpx.get(url, timeout=1.0).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def is_installed(program: Program) -> bool:
    """True when the program's code is there."""
    return not program.module or find_spec(program.module) is not None


def command(name: str, *words: str, as_: str = "") -> Program:
    """One of our management commands as a program."""
    argv = [sys.executable, "-u", "manage.py", name, *words]
    return Program(as_ or name, argv, module=f"dashboard.management.commands.{name}")


def ours(
    addresses: Addresses, *, tls: Sequence[str], traefik: Sequence[str], sealer: str = ""
) -> list[Program]:
    """Every process above the stores, in design.md's words. `sealer`: its own way into the
    database, which no other process is given."""
    own = {"TOCSIN_DATABASE_URL": sealer} if sealer else {}
    gateway = partial(accepts, addresses.gateway)
    lab = partial(opens, door(addresses.run_folder / "lab.sock"))
    ping = partial(answers, f"http://127.0.0.1:{addresses.edge_admin}/ping")
    mail = [_mailbox(addresses.mail)] if addresses.mail else []
    return [
        _web(addresses, tls),
        replace(command("gateway"), is_ready=gateway),
        command("controller"),
        replace(command("controller", as_="controller-2"), stage=Stage.REST),
        _celery("worker"),
        _celery("beat", "--schedule", str(addresses.run_folder / "beat"), "--pidfile", ""),
        command("notifier"),
        replace(command("sealer"), env=own),
        replace(command("prober"), stage=Stage.REST),
        replace(command("writers"), stage=Stage.REST),
        *mail,
        Program("edge", traefik, is_ready=ping),
        replace(command("lab", "run"), stage=Stage.LAB, is_ready=lab, stop_seconds=15.0),
    ]


def _web(addresses: Addresses, tls: Sequence[str]) -> Program:
    argv = [sys.executable, "-m", "uvicorn", "dashboard.asgi:application"]
    argv += ["--host", addresses.web_host, "--port", str(addresses.web), *tls]
    argv += ["--ws", "websockets-sansio", "--no-access-log", "--timeout-graceful-shutdown", "3"]
    is_ready = partial(accepts, addresses.web)
    return Program("web", argv, module="dashboard.asgi", is_ready=is_ready)


def _mailbox(port: int) -> Program:
    module = "recovery.lab.mailbox"
    return Program(
        "mailbox", [sys.executable, "-m", module], module, is_ready=partial(accepts, port)
    )


def archiver() -> Program:
    """Of the database that Tocsin brings along: nobody waits for it."""
    module = "recovery.own"
    return Program("archiver", [sys.executable, "-u", "-m", module], module, stage=Stage.REST)


def _celery(part: str, *words: str) -> Program:
    argv = [sys.executable, "-m", "celery", "-A", "dashboard", part, "--loglevel", "INFO", *words]
    return Program(part, argv, stage=Stage.REST, module="dashboard.celery")


def stores(cluster: Cluster | None, valkey: Valkey | None) -> list[Program]:
    """The stores that Tocsin brings along; None for one that is somebody else's."""
    found = []
    if cluster is not None:
        found.append(
            Program(
                "postgres",
                cluster.command(),
                stage=Stage.STORES,
                is_ready=cluster.accepts,
                prepare=cluster.make_startable,
                stop_signal=signal.SIGINT,
                stop_seconds=20.0,
            )
        )
    if valkey is not None:
        argv = valkey.command()
        found.append(Program("valkey", argv, stage=Stage.STORES, is_ready=valkey.answers))
    return found
