"""The heartbeat: one small authenticated datagram a second. It grants nothing."""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass

from recovery.core.errors import BadMessage
from recovery.core.wire.frame import PROTOCOL

HEARTBEAT_SECONDS = 1.0

_HEAD = struct.Struct("!2sBB16s16sQQ")
_MAGIC = b"TH"
_MAC_BYTES = 16
HEARTBEAT_BYTES = _HEAD.size + _MAC_BYTES


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One sign of life. `boot` changes when the host starts anew, `sequence` rises within it.

    `flags` bit 0: the agent is in quarantine; bit 1: a container is crash-looping;
    bit 2: sent over the WebSocket because datagrams do not get through.
    `uptime_ms` is the host's BOOTTIME in milliseconds, for people only.
    """

    host: bytes
    boot: bytes
    sequence: int
    uptime_ms: int
    flags: int = 0


def pack_heartbeat(beat: Heartbeat, key: bytes) -> bytes:
    """The datagram: header and keyed BLAKE2b over it (`HEARTBEAT_BYTES` long)."""
    head = _HEAD.pack(
        _MAGIC, PROTOCOL, beat.flags, beat.host, beat.boot, beat.sequence, beat.uptime_ms
    )
    return head + _mac(head, key)


def peek_host(datagram: bytes) -> bytes:
    """The host that a datagram claims, so that its key can be found. Raises `BadMessage`."""
    if len(datagram) != HEARTBEAT_BYTES:
        raise BadMessage(f"{len(datagram)} bytes instead of {HEARTBEAT_BYTES}", field="length")
    if datagram[:2] != _MAGIC:
        raise BadMessage("not a heartbeat", field="magic")
    if datagram[2] != PROTOCOL:
        raise BadMessage(f"version {datagram[2]}, this side speaks {PROTOCOL}", field="version")
    return datagram[4:20]


def unpack_heartbeat(datagram: bytes, key: bytes) -> Heartbeat:
    """The verified heartbeat; `BadMessage` names what is wrong with it.

    Replay is the receiver's to refuse: per boot, a sequence not above the last one seen.
    """
    peek_host(datagram)
    head, mac = datagram[: _HEAD.size], datagram[_HEAD.size :]
    if not hmac.compare_digest(mac, _mac(head, key)):
        raise BadMessage("forged, or made with another key", field="mac")
    _, _, flags, host, boot, sequence, uptime_ms = _HEAD.unpack(head)
    return Heartbeat(host, boot, sequence, uptime_ms, flags)


def _mac(head: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(head, key=key, digest_size=_MAC_BYTES).digest()
