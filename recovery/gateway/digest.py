"""What a gateway tells the controllers several times a second, as one MessagePack frame.

Ages, never instants: the two sides share no clock. A digest that stops means *blind*,
never that hosts are silent (M12).
"""

from __future__ import annotations

import msgspec
import numpy as np

from recovery.core.wire import Kernel

DIGEST_SECONDS = 0.2
NEVER_MS = 2**32 - 1


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """One observer's newest look at a target; both by host id (32 hex digits)."""

    target: str
    observer: str
    kernel: Kernel
    answering: int
    asked: int
    age_ms: int


class Digest(msgspec.Struct, frozen=True, array_like=True):
    """`hosts` and `boots` are sent when they changed (always in the first frame of a link).

    `ages`: little-endian uint32 milliseconds since the last heartbeat, by host index.
    `sessions`: one byte each, 1 while the agent's socket is open. `gap_ms`: the longest pause
    of the gateway's own loop since the last digest. `running_ms`: since the gateway started.
    """

    gateway: str
    sequence: int
    running_ms: int
    gap_ms: int
    ages: bytes
    sessions: bytes
    hosts: tuple[bytes, ...] | None = None
    boots: tuple[tuple[int, bytes], ...] = ()
    seen: tuple[Seen, ...] = ()
    counters: dict[str, int] = {}


class AskLook(msgspec.Struct, frozen=True, array_like=True):
    """A controller asks: let these observers look at the target now."""

    target: str
    observers: tuple[str, ...]


class FromController(msgspec.Struct, frozen=True, array_like=True):
    """What a controller sends: looks to make, and whether rows are waiting to be handed out."""

    looks: tuple[AskLook, ...] = ()
    wake: bool = False


encoder = msgspec.msgpack.Encoder()
digest_decoder = msgspec.msgpack.Decoder(Digest)
request_decoder = msgspec.msgpack.Decoder(FromController)


def pack_ages(heard: np.ndarray, now: float) -> bytes:
    """Milliseconds since each host was heard; `NEVER_MS` where it never was."""
    ages = np.minimum((now - heard) * 1000.0, NEVER_MS)
    return ages.astype("<u4").tobytes()


def unpack_ages(ages: bytes) -> np.ndarray:
    """Seconds since each host was heard; infinity where it never was."""
    raw = np.frombuffer(ages, dtype="<u4")
    return np.where(raw == NEVER_MS, np.inf, raw / 1000.0)
