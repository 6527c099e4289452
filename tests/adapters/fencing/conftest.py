"""One host with a guarded server, in both forms of the gate."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recovery.adapters.containers import proc
from tests.needs import needs
from tests.support import own

ROOT = Path(__file__).resolve().parents[3]
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
T = TypeVar("T")


@dataclass
class Seat:
    """A host: its disk, its network, its agent that comes and goes."""

    kind: str
    folder: Path
    port: int
    network: int = -1
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    agent: subprocess.Popen[str] | None = None
    clients: list[socket.socket] = field(default_factory=list)

    def boot_agent(self) -> None:
        argv = [sys.executable, "-m", "tests.adapters.fencing.host", self.kind, str(self.folder)]
        argv += [str(self.port), self.key.private_bytes_raw().hex()]
        self.agent = self.inside(
            lambda: subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
            )
        )

    def told(self, *words: object) -> dict[str, object]:
        """What the agent answers."""
        assert self.agent is not None
        assert self.agent.stdin is not None
        assert self.agent.stdout is not None
        self.agent.stdin.write(json.dumps(words) + "\n")
        self.agent.stdin.flush()
        answer: dict[str, object] = json.loads(self.agent.stdout.readline())
        return answer

    def do(self, *words: object) -> object:
        answer = self.told(*words)
        assert "refusal" not in answer, answer["refusal"]
        return answer["is"]

    def signal_agent(self, number: signal.Signals) -> None:
        assert self.agent is not None
        self.agent.send_signal(number)

    def lose_agent(self) -> None:
        if self.agent is not None:
            self.agent.kill()
            self.agent.communicate()
            self.agent = None

    def inside(self, act: Callable[[], T]) -> T:
        """Does it in the host's network: what it opens stays there."""
        if self.network < 0:
            return act()
        with ThreadPoolExecutor(1) as thread:
            assert thread.submit(_libc.setns, self.network, CLONE_NEWNET).result() == 0
            return thread.submit(act).result()

    def connect(self, address: str = "127.0.0.1") -> socket.socket:
        """A client that stays connected."""
        self.clients.append(self._connected(address, 1.0))
        return self.clients[-1]

    def _connected(self, address: str, patience: float) -> socket.socket:
        return self.inside(lambda: socket.create_connection((address, self.port), timeout=patience))

    def reaches(self, address: str = "127.0.0.1", patience: float = 0.25) -> bool:
        """Whether a new client's line comes back."""
        try:
            with self._connected(address, patience) as client:
                return answers(client, patience)
        except OSError:
            return False


def answers(client: socket.socket, patience: float = 0.25) -> bool:
    client.settimeout(patience)
    try:
        client.sendall(b"?\n")
        return client.recv(16) != b""
    except OSError:
        return False


def _own_network() -> int:
    """A new network namespace with its loopback up, held by this descriptor."""
    held = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert held.stdout is not None
    assert held.stdout.readline() == b"up\n"
    descriptor = os.open(f"/proc/{held.pid}/ns/net", os.O_RDONLY)
    held.communicate(b"")
    return descriptor


@pytest.fixture(params=["nftables", "watchdog"])
def seat(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Seat]:
    """Guarded, nothing started."""
    network = -1
    if request.param == "nftables":
        needs("root", "nft", "ip", "network namespaces")
        network = _own_network()
    seat = Seat(request.param, tmp_path, own.free_port(), network)
    seat.boot_agent()
    seat.do("guard")
    yield seat
    if seat.agent is not None:
        seat.signal_agent(signal.SIGCONT)
    seat.lose_agent()
    for client in seat.clients:
        client.close()
    _sweep(tmp_path)
    if network >= 0:
        os.close(network)


def _sweep(folder: Path) -> None:
    """Ends the watchdog that this test's agent left."""
    for pid in proc.pids():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(folder / "dog").encode() in words:
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, signal.SIGTERM)


@pytest.fixture
def running(seat: Seat) -> Seat:
    """The same with its server running under a lease of 1.5 s at epoch 1."""
    seat.do("extend", 1, 1.5)
    seat.do("start", 1)
    while not seat.reaches():  # however long a busy machine takes to start it
        seat.do("extend", 1, 1.5)
    return seat
