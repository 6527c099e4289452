"""The edge, and what it does not do by itself: ends sessions with a server to which nobody is led
any more. `python -m recovery.engines.edge.sessions SETTINGS PROGRAM…`

Traefik leads new connections elsewhere and leaves the open ones alone (its issues 9077 and 10968).
A user of a database whose host is cut off or burnt would wait in the middle of a statement until
the kernel gives up, a quarter of an hour, while the next primary serves. HAProxy's word for it is
`on-marked-down shutdown-sessions`.

Invariant: nothing is ended on no word (an endpoint that is away, or says nothing of databases), and
nothing but a connection of the edge to an address that was behind a door and is behind none now.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
import psutil
import structlog

from recovery.engines import children

EVERY_SECONDS = 1.0
PIDFD_GETFD = 438
"""Linux 5.6 and later, the same number on every architecture; Python has no name for it."""
log = structlog.get_logger()
Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Session:
    """A connection of the edge: its file descriptor there, and whom it is with."""

    fd: int
    server: Address


@dataclass(slots=True)
class Doors:
    """Which servers were ever behind a door, and which are now."""

    known: set[Address] = field(default_factory=set)
    led: frozenset[Address] = frozenset()

    def hear(self, told: Mapping[str, Any]) -> None:
        """The edge's whole configuration. One without databases says nothing of any."""
        if "tcp" in told:
            self.led = servers(told)
            self.known |= self.led

    @property
    def left(self) -> frozenset[Address]:
        """Nobody is led there any more."""
        return frozenset(self.known - self.led)

    def to_end(self, sessions: Iterable[Session]) -> list[Session]:
        left = self.left
        return [one for one in sessions if one.server in left]


def servers(told: Mapping[str, Any]) -> frozenset[Address]:
    """Behind the doors of this configuration (`traffic.traefik`)."""
    services = told["tcp"].get("services", {}).values()
    found = [one["address"] for each in services for one in each["loadBalancer"]["servers"]]
    return frozenset(_address(each) for each in found)


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def sessions_of(pid: int) -> list[Session]:
    """Its connections that are not closed yet."""
    found = psutil.Process(pid).net_connections("tcp")
    return [
        Session(one.fd, (one.raddr.ip.removeprefix("::ffff:"), one.raddr.port))
        for one in found
        if one.raddr and one.fd >= 0
    ]


def end_session(pid: int, session: Session) -> None:
    """As if the server had closed it; one that is over already is what was wanted. Raises `OSError`
    where that is not allowed: Linux lets the process that started another one, by the same user,
    have its sockets."""
    found = _socket_of(pid, session.fd)
    if found is None:
        return
    with socket.socket(fileno=found) as line, suppress(OSError):
        host, port = line.getpeername()[:2]
        if (host.removeprefix("::ffff:"), port) == session.server:  # it may be another's by now
            line.shutdown(socket.SHUT_RDWR)


def _socket_of(pid: int, fd: int) -> int | None:
    """A descriptor of our own for the same socket; None: there is no such one any more."""
    process = os.pidfd_open(pid)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        found = int(libc.syscall(PIDFD_GETFD, process, fd, 0))
    finally:
        os.close(process)
    if found >= 0:
        return found
    if ctypes.get_errno() == errno.EBADF:
        return None
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Endpoint:
    """Where the edge has its routes from, as its own settings say."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        told = settings["providers"]["http"]
        ca = told.get("tls", {}).get("ca")
        verify = ssl.create_default_context(cafile=ca) if ca else True
        self._url = told["endpoint"]
        headers = told.get("headers")
        self._client = httpx.Client(verify=verify, headers=headers, timeout=2.0, trust_env=False)

    def ask(self) -> Mapping[str, Any] | None:
        """None while it is away."""
        try:
            answer = self._client.get(self._url)
            told = answer.json() if answer.status_code == httpx.codes.OK else None
        except (httpx.HTTPError, json.JSONDecodeError):
            return None
        return told if isinstance(told, dict) else None


class Watch:
    """A look at the doors and at the edge's connections, now and then."""

    def __init__(self, pid: int, endpoint: Endpoint) -> None:
        self._pid, self._endpoint = pid, endpoint
        self._doors = Doors()
        self._refused = ""

    def look(self) -> None:
        told = self._endpoint.ask()
        if told is None:
            return
        self._doors.hear(told)
        if not self._doors.left:
            return
        try:
            found = sessions_of(self._pid)
        except psutil.AccessDenied as error:
            self._say("any", str(error))
        else:
            self._end(self._doors.to_end(found))

    def _end(self, sessions: Collection[Session]) -> None:
        for one in sessions:
            where = f"{one.server[0]}:{one.server[1]}"
            try:
                end_session(self._pid, one)
            except OSError as error:
                self._say(where, str(error))
            else:
                log.info("ended a session: nobody is led there any more", server=where)

    def _say(self, where: str, why: str) -> None:
        if why != self._refused:
            self._refused = why
            log.warning("a session that leads nowhere is not ended", server=where, error=why)


def main(words: Sequence[str]) -> int:
    """Run the edge, and end with it. Asked to end, it asks the edge; killed, it takes it along."""
    settings = json.loads(Path(words[0]).read_text())
    edge = children.spawn(words[1:], last_signal=signal.SIGKILL)

    def ask_to_end(_: int, __: FrameType | None) -> None:
        edge.terminate()

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, ask_to_end)
    watch = Watch(edge.pid, Endpoint(settings))
    while True:
        try:
            return edge.wait(EVERY_SECONDS)
        except subprocess.TimeoutExpired:
            _contained(watch)


def _contained(watch: Watch) -> None:
    """Whatever it meets, the edge goes on."""
    try:
        watch.look()
    except psutil.NoSuchProcess:
        return  # it ends, which the next wait tells
    except Exception:
        log.exception("a look at the edge's sessions failed")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
