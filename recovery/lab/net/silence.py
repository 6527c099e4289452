"""A listening socket that can fall silent: connects time out as they do against a dead machine.

How, without root: a backlog of 0 whose queue is filled makes the kernel drop further SYNs. A
*bound* socket that does not listen is answered with a reset by the kernel: the sign of life of
the probe port, which costs nothing.
"""

from __future__ import annotations

import contextlib
import socket
import struct

BACKLOG = 256
ABORT = struct.pack("ii", 1, 0)


def bound(address: str, port: int) -> socket.socket:
    """A socket that holds the address: connects are reset until it listens."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((address, port))
    except OSError:
        sock.close()
        raise
    return sock


class Port:
    """One public port of a lab host: `open`, `silent`, or (the probe port) `resetting`."""

    def __init__(self, address: str, port: int) -> None:
        self.address, self.port = address, port
        self.sock = bound(address, port)
        self._fillers: list[socket.socket] = []

    @property
    def is_silent(self) -> bool:
        return bool(self._fillers)

    def open(self) -> None:
        """Accepts connections from now on; what filled the queue is thrown away."""
        was_silent = self.is_silent
        self._drop_fillers()
        self.sock.listen(BACKLOG)
        if was_silent:
            self._drain()

    def silence(self) -> None:
        """Drops every further SYN."""
        if self.is_silent:
            return
        self.sock.listen(0)
        for _ in range(2):
            filler = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            filler.setblocking(False)
            filler.connect_ex((self.address, self.port))
            self._fillers.append(filler)

    def reset(self) -> None:
        """Bound and not listening: connects are reset."""
        self.close()
        self.sock = bound(self.address, self.port)

    def close(self) -> None:
        self._drop_fillers()
        self.sock.close()

    def _drop_fillers(self) -> None:
        for filler in self._fillers:
            filler.close()
        self._fillers = []

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                waiting, _ = self.sock.accept()
                waiting.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
                waiting.close()
