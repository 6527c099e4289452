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


def left_at(port: int) -> Path:
    return Path(f"/tmp/seaweedfs-master-grpc-{port}.sock")


@pytest.fixture
def left() -> Iterator[tuple[int, Path]]:
    """A port, and the socket that a service which had it left: nothing listens there."""
    free = ((port, left_at(port)) for port in iter(free_port, None))
    port, path = next(pair for pair in free if not pair[1].exists())  # others' stores left theirs
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
    port = free_port()
    path = Path(f"/tmp/seaweedfs-master-grpc-{port}.sock")
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(str(path))
        living.listen()
        assert not is_quiet(port)
    path.unlink()
