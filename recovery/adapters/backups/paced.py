"""Bytes to and from a service that may be slow, or let them trickle for ever.

Given whole, an upload has to pass within one timeout of the socket, which a slow line never
manages; given piece by piece, each has the timeout to itself, and the whole of it a deadline.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Protocol

from recovery.core.clock import system

_PIECE = 512 << 10
"""Smaller ones, or a buffer that grows, cost the CPU three times as much as the rest of a get."""


class Paced(io.BytesIO):
    """What is sent: gives nothing any more after so many seconds."""

    def __init__(self, data: bytes, seconds: float) -> None:
        super().__init__(data)
        self._deadline = system.monotonic() + seconds

    def read(self, size: int | None = -1) -> bytes:
        _check(self._deadline)
        return super().read(size)


class Stream(Protocol):
    """What is received."""

    def iter_chunks(self, chunk_size: int) -> Iterator[bytes]:
        """Its pieces in order."""


def read_all(stream: Stream, seconds: float) -> bytes:
    """Within so many seconds."""
    deadline, pieces = system.monotonic() + seconds, list[bytes]()
    for piece in stream.iter_chunks(_PIECE):
        pieces.append(piece)
        _check(deadline)
    return b"".join(pieces)


def _check(deadline: float) -> None:
    if system.monotonic() > deadline:
        raise TimeoutError("it takes too long")
