"""LINK=2.5 of `make bench-restore`: a machine of its own for the store, in all but its cores.

A network namespace behind a pair of veth ends, each of which lets so many Gbit/s out (`tc … tbf`).

Invariant: what leads to the namespace is a descriptor of this process, and who was started in
there dies with it. So however it ends, the kernel takes the namespace and both ends away.
"""

from __future__ import annotations

import contextlib
import ipaddress
import math
import os
import shutil
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from recovery.core.clock import system
from recovery.core.errors import BadConfiguration
from recovery.lab import linux
from recovery.lab.netns import switch
from recovery.lab.netns.commands import ip, told
from tests.support import own

_FAR = "eth0"
_LEAST_BURST = 1 << 18
"""Several of the 64 KiB that a veth end hands on at once; with less the kernel cuts them up."""
_BURST_SECONDS, _QUEUE = 0.004, "50ms"
_CHECK_SECONDS = 0.5


def parsed(word: str) -> float:
    """Gbit/s; 0 where nothing was asked for: the store is in this machine's own network."""
    try:
        gigabits = float(word or 0)
    except ValueError:
        gigabits = -1.0
    if not (math.isfinite(gigabits) and gigabits >= 0):
        raise BadConfiguration(f"{word} is no number of Gbit/s, such as 2.5.", field="LINK")
    return gigabits


def shaped(device: str, rate: int) -> list[str]:
    """What `tc` is told, so that `device` lets out `rate` bits a second."""
    burst = max(_LEAST_BURST, round(rate / 8 * _BURST_SECONDS))
    words = f"tc qdisc add dev {device} root tbf rate {rate}bit burst {burst}b latency {_QUEUE}"
    return words.split()


class Link:
    """One. Its addresses and the name of this machine's end go by the slot, which is of one living
    process: whatever bears that name already was left behind."""

    def __init__(self, gigabits: float) -> None:
        self.rate = round(gigabits * 1e9)
        self.name = f"tocsin-link{own.OCTET}"
        self._network = ipaddress.IPv4Network(f"10.240.{own.OCTET}.0/30")
        self.near, self.far = (str(each) for each in self._network.hosts())
        self._held = -1

    @property
    def prefix(self) -> tuple[str, ...]:
        """Before a command's words: it runs in there."""
        return "nsenter", f"--net={self._path}"

    @property
    def _path(self) -> str:
        return f"/proc/{os.getpid()}/fd/{self._held}"

    def open(self) -> None:
        _require()
        self._remove()
        if not switch.is_free(self._network, Path(os.devnull)):
            raise BadConfiguration(f"this machine has a way to {self._network}.", field="LINK")
        try:
            with ThreadPoolExecutor(1) as elsewhere:
                self._held = elsewhere.submit(_new_namespace).result()
            home = f"/proc/{os.getpid()}/ns/net"
            ip(
                f"link set lo up\n"
                f"link add {_FAR} type veth peer name {self.name} netns {home}\n"
                f"address add {self.far}/30 dev {_FAR}\nlink set {_FAR} up\n",
                inside=self._path,
            )
            ip(f"address add {self.near}/30 dev {self.name}\nlink set {self.name} up\n")
            told(*shaped(self.name, self.rate))
            told(*shaped(_FAR, self.rate), inside=self._path)
        except OSError as error:
            self.close()
            raise BadConfiguration(
                f"this machine makes no such link: {error.strerror}.", field="LINK"
            ) from error

    def close(self) -> None:
        """This machine's end at once, the other with it."""
        if self._held >= 0:
            self._remove()
            os.close(self._held)
            self._held = -1

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            told("ip", "link", "delete", self.name)

    def check(self) -> str:
        """What passes through it, each way for half a second."""
        came, went = (f"{each / 1e9:.2f}" for each in self._measured())
        return (
            f"the store is behind a link of {self.rate / 1e9:g} Gbit/s; one connection had "
            f"{came} Gbit/s from there and {went} to there"
        )

    def _measured(self) -> tuple[float, float]:
        size = round(self.rate / 8 * _CHECK_SECONDS)

        def listen() -> socket.socket:
            linux.enter_namespace(self._held, linux.CLONE_NEWNET)
            return socket.create_server((self.far, 0))

        def serve(door: socket.socket) -> None:
            door.settimeout(30)
            with door, door.accept()[0] as line:
                _give(line, size)
                _take(line, size)
                line.sendall(b".")

        with ThreadPoolExecutor(1) as there:
            door = there.submit(listen).result()
            address = door.getsockname()
            peer = there.submit(serve, door)
            with socket.create_connection(address, timeout=30) as line:
                came = _timed(lambda: _take(line, size))
                went = _timed(lambda: _give(line, size, until_taken=True))
            peer.result()
        return size * 8 / came, size * 8 / went


def _require() -> None:
    if os.geteuid() != 0:
        raise BadConfiguration("it needs root, to put the store behind a link.", field="LINK")
    for tool, package in (("ip", "iproute2"), ("tc", "iproute2"), ("nsenter", "util-linux")):
        if shutil.which(tool) is None:
            raise BadConfiguration(
                f"it needs the command {tool}: apt-get install {package}.", field="LINK"
            )


def _new_namespace() -> int:
    """In a thread that ends, for a thread is in it from now on."""
    linux.unshare(linux.CLONE_NEWNET)
    # Sockets that outlive their process are retried once: they keep the namespace.
    Path("/proc/sys/net/ipv4/tcp_orphan_retries").write_text("1")
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY)


def _give(line: socket.socket, size: int, *, until_taken: bool = False) -> None:
    block = memoryview(bytes(1 << 20))
    for at in range(0, size, len(block)):
        line.sendall(block[: size - at])
    if until_taken:
        _take(line, 1)


def _take(line: socket.socket, size: int) -> None:
    block = memoryview(bytearray(1 << 20))
    while size > 0:
        got = line.recv_into(block[:size])
        if got == 0:
            raise ConnectionError("the link's check was cut off")
        size -= got


def _timed(act: Callable[[], object]) -> float:
    began = system.monotonic()
    act()
    return system.monotonic() - began
