"""One exchange over the network that is over by a moment, however slowly the other side speaks.

Invariant: every wait of it, for a connection, for TLS, for each byte, lasts until that moment at
most: who sends a byte now and then holds nobody.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from typing import Any

import httpcore

Left = Callable[[], float]
"""Seconds that are left."""


def left_until(deadline: float, clock: Callable[[], float]) -> Left:
    """By this clock. `ConnectTimeout` where nothing is left."""

    def left() -> float:
        seconds = deadline - clock()
        if seconds <= 0:
            raise httpcore.ConnectTimeout("The whole exchange took too long.")
        return seconds

    return left


class Network(httpcore.NetworkBackend):
    """The everyday one, with one end for everything."""

    def __init__(self, left: Left) -> None:
        self._plain, self._left = httpcore.SyncBackend(), left

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        return Stream(self._plain.connect_tcp(host, port, self._left()), self._left)


class Stream(httpcore.NetworkStream):
    """What was said to it about patience counts for nothing."""

    def __init__(self, plain: httpcore.NetworkStream, left: Left) -> None:
        self._plain, self._left = plain, left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._plain.read(max_bytes, self._left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._plain.write(buffer, self._left())

    def close(self) -> None:
        self._plain.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return Stream(self._plain.start_tls(ssl_context, server_hostname, self._left()), self._left)

    def get_extra_info(self, info: str) -> Any:
        return self._plain.get_extra_info(info)
