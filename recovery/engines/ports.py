"""Ports: which are free, and who holds one that is not."""

from __future__ import annotations

import secrets
import socket
from pathlib import Path

import psutil

from recovery.core.errors import Refused

QUIET = range(10_000, 20_000)
"""Below the ports that the kernel gives to outgoing connections: what is free stays free."""


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody holds at this moment, for TCP and for datagrams."""
    for _ in range(200):
        port = secrets.choice(QUIET)
        if all(is_free(port, host, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)):
            return port
    raise Refused(f"no free port from {QUIET.start} to {QUIET.stop} was found.")


def is_free(port: int, host: str = "127.0.0.1", kind: int = socket.SOCK_STREAM) -> bool:
    """True when a server could bind the port now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def opens(path: Path) -> bool:
    """True when something listens at the unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0.5)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def is_free_datagram_port(port: int, host: str) -> bool:
    """True when nobody at all holds the datagram port, sharers included."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def holder(port: int) -> str:
    """`name (process 123)` of whoever listens on the port; empty when this user may not know."""
    try:
        found = psutil.net_connections(kind="inet")
    except psutil.AccessDenied:
        return ""
    for connection in found:
        if connection.laddr and connection.laddr.port == port and connection.pid:
            try:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
            except psutil.NoSuchProcess:
                return ""
    return ""
