"""A store's ports: what a killed service left under /tmp must not stop another one."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from recovery.lab.stores.seaweed import is_quiet
from tests.needs import needs
from tests.support.own import free_port


def socket_of(part: str, port: int) -> Path:
    return Path(f"/tmp/seaweedfs-{part}-grpc-{port}.sock")


def untouched_port() -> int:
    """A port where no service, of whichever part, left a socket. Root's stores leave theirs, and
    these tests run as another user after them."""
    free = iter(free_port, None)
    return next(port for port in free if not list(Path("/tmp").glob(f"seaweedfs-*-{port}.sock")))


@pytest.fixture
def left() -> Iterator[tuple[int, Path]]:
    """A port, and the socket that a service which had it left: nothing listens there."""
    port = untouched_port()
    path = socket_of("master", port)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    yield port, path
    path.unlink()


def test_what_we_left_ourselves_is_in_nobodys_way(left: tuple[int, Path]) -> None:
    port, _ = left
    assert is_quiet(port)


def test_a_port_where_another_user_left_a_socket_is_not_taken(left: tuple[int, Path]) -> None:
    """It stands in a sticky folder: we could not remove it, and the service would never lead."""
    needs("root")
    port, path = left
    os.chown(path, pwd.getpwnam("nobody").pw_uid, -1)
    assert not is_quiet(port)


def test_a_port_whose_socket_is_listened_at_is_not_taken() -> None:
    port = untouched_port()
    path = socket_of("master", port)
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(str(path))
        living.listen()
        assert not is_quiet(port)
    path.unlink()
