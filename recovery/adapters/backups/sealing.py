"""Compressed and sealed: what lies in a store opens only with its key and under its own name.

    "TCS1" · key id length, key id · key check 8 · name check 8 · sealed length 8 · nonce 12 ·
    AES-256-GCM( BLAKE2b-256 of the plain bytes · zstandard frame with its XXH64 )

Everything before the ciphertext is its associated data. The digest says in a manifest which bytes
are meant; it is taken once, when they are sealed. That they come back is what tag and checksum
prove; frames of before 2026-11-29 have no checksum, there the digest is taken again. Invariants:
what opens is byte for byte what was sealed under this name; what does not says which of these it
is: no object of ours, cut off, another key, moved here from another name, or altered.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from recovery.core.errors import BadConfiguration, TocsinError

_MAGIC = b"TCS1"
_NONCE = 12
_TAG = 16
_DIGEST = 32
_LEVEL = 2
"""Of what packs worse by it, 3 makes a few per cent more, at twice the CPU of a live host."""
_LARGEST = 1 << 30
_BLOCK_HEAD, _CHECKSUM = 3, 4


class SealBroken(TocsinError):
    """A sealed object that does not open; `reason` is short, for where the name is told already."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} {reason}.")
        self.name, self.reason = name, reason


@dataclass(frozen=True, slots=True)
class Keys:
    """Key id → 32 bytes. `current` seals; the others still open."""

    current: str
    by_id: Mapping[str, bytes] = field(repr=False)

    def __post_init__(self) -> None:
        for name, key in self.by_id.items():
            if len(key) != 32 or not 0 < len(name.encode()) < 256:
                raise BadConfiguration(f"Key {name!r} is not 32 bytes long.", field="keys")
        if self.current not in self.by_id:
            raise BadConfiguration(f"There is no key {self.current!r}.", field="keys")


def read_keys(path: Path) -> Keys:
    """A key file: a line `ID BASE64` each, the newest first. Nobody else may read it."""
    try:
        mode = path.stat().st_mode
        lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
    except OSError as error:
        raise BadConfiguration(f"The key file cannot be read: {error}.", field="keys") from error
    if mode & 0o077:
        raise BadConfiguration(
            f"Others may read {path.name}.", field="keys", todo=f"chmod 600 {path}"
        )
    try:
        found = {name: base64.b64decode(text, validate=True) for name, text in lines}
    except (ValueError, binascii.Error) as error:
        raise BadConfiguration(
            f"{path.name} must have a line `ID BASE64` for each key.", field="keys"
        ) from error
    if not found:
        raise BadConfiguration(f"{path.name} has no key.", field="keys")
    return Keys(next(iter(found)), found)


def digest_of(plain: bytes | memoryview) -> bytes:
    return hashlib.blake2b(plain, digest_size=_DIGEST).digest()


def seal(plain: bytes, *, name: str, keys: Keys) -> bytes:
    """To be stored under `name` and no other."""
    key = keys.by_id[keys.current]
    packed = digest_of(plain) + _packed(plain)
    nonce = os.urandom(_NONCE)
    head = _head(keys.current, key, name, len(packed) + _TAG) + nonce
    return head + AESGCM(key).encrypt(nonce, packed, head + name.encode())


class Reused:
    """Memory for one object at a time, used again for the next: a fresh page costs the CPU more
    than what comes to lie in it."""

    def __init__(self) -> None:
        self._opened, self._plain = bytearray(), bytearray()

    def opened(self, size: int) -> memoryview:
        if len(self._opened) < size:
            self._opened = bytearray(size)
        return memoryview(self._opened)[:size]

    def plain(self, size: int) -> memoryview:
        if len(self._plain) < size:
            self._plain = bytearray(size)
        return memoryview(self._plain)[:size]


def unseal(sealed: bytes, *, name: str, keys: Keys) -> bytes:
    """What was sealed under `name`. Raises `SealBroken`."""
    return bytes(unseal_into(Reused(), sealed, name=name, keys=keys)[0])


def unseal_into(
    memory: Reused, sealed: bytes, *, name: str, keys: Keys
) -> tuple[memoryview, bytes]:
    """The same, in `memory` and until that is used again, and the digest that it was sealed
    with."""
    view = memoryview(sealed)
    if len(view) < 5 or view[:4] != _MAGIC:
        raise SealBroken(name, _beginning(sealed))
    width = 5 + view[4] + 8 + 8 + 8 + _NONCE
    if len(view) < width:
        raise SealBroken(name, f"is cut off after {len(view)} bytes")
    key_id = bytes(view[5 : 5 + view[4]]).decode(errors="replace")
    key = keys.by_id.get(key_id)
    if key is None:
        raise SealBroken(name, f"was sealed with key {key_id!r}, which is not in the key file")
    _compare(sealed[: width - _NONCE], _head(key_id, key, name, 0), name, key_id)
    (length,) = struct.unpack_from(">Q", view, width - _NONCE - 8)
    if len(view) - width != length:
        raise SealBroken(name, _length(len(view), width + length))
    nonce, about = bytes(view[width - _NONCE : width]), bytes(view[:width]) + name.encode()
    opened = memory.opened(max(0, length - _TAG))
    try:
        AESGCM(key).decrypt_into(nonce, view[width:], about, opened)
    except (InvalidTag, ValueError) as error:  # the latter where not even a tag is there
        raise SealBroken(name, "is altered: at least one byte is not what was sealed") from error
    return _unpacked(opened, name, memory), bytes(opened[:_DIGEST])


def _packed(plain: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(plain)


def _unpacked(opened: memoryview, name: str, memory: Reused) -> memoryview:
    """What the tag vouches for, unpacked: compared with the frame's own checksum, or with the
    digest where it was packed without one, at ten times the cost."""
    frame = opened[_DIGEST:]
    try:
        head = zstandard.get_frame_parameters(frame)
        plain = memory.plain(head.content_size) if head.content_size <= _LARGEST else None
        is_whole = plain is not None and _ends(frame, head.has_checksum) and _fills(plain, frame)
    except zstandard.ZstdError as error:
        raise SealBroken(name, "does not unpack to what was sealed") from error
    if plain is None or not is_whole:
        raise SealBroken(name, "does not unpack to what was sealed")
    if not head.has_checksum and not hmac.compare_digest(digest_of(plain), opened[:_DIGEST]):
        raise SealBroken(name, "does not unpack to what was sealed")
    return plain


def _ends(frame: memoryview, has_checksum: bool) -> bool:
    """By the heads of its blocks, where its bytes do. A reader of it takes one whose checksum is
    cut off for one that has not come yet, and says nothing."""
    at, is_last = zstandard.frame_header_size(frame), False
    while not is_last and at + _BLOCK_HEAD <= len(frame):
        head = int.from_bytes(frame[at : at + _BLOCK_HEAD], "little")
        is_last, is_repeated = bool(head & 1), head >> 1 & 3 == 1
        at += _BLOCK_HEAD + (1 if is_repeated else head >> 3)
    return is_last and at + (_CHECKSUM if has_checksum else 0) == len(frame)


def _fills(plain: memoryview, frame: memoryview) -> bool:
    """All of it, and there is no more."""
    with zstandard.ZstdDecompressor().stream_reader(frame) as reader:
        while plain and (size := reader.readinto(plain)):
            plain = plain[size:]
        return not plain and not reader.read(1)


def _head(key_id: str, key: bytes, name: str, length: int) -> bytes:
    key_name = key_id.encode()
    of_key = hmac.new(key, b"tocsin key check", hashlib.sha256).digest()[:8]
    of_name = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return _MAGIC + bytes([len(key_name)]) + key_name + of_key + of_name + struct.pack(">Q", length)


def _compare(has: bytes, wanted: bytes, name: str, key_id: str) -> None:
    """The two checks of a head; both lie before its length."""
    if has[-24:-16] != wanted[-24:-16]:
        raise SealBroken(
            name, f"was sealed with another key than the one that the key file calls {key_id!r}"
        )
    if has[-16:-8] != wanted[-16:-8]:
        raise SealBroken(name, "was sealed under another name and moved here")


def _beginning(sealed: bytes) -> str:
    if len(sealed) < 5:
        return f"is cut off after {len(sealed)} bytes"
    return "does not begin as our objects do: it is altered, or none of ours"


def _length(has: int, wanted: int) -> str:
    if has < wanted:
        return f"is cut off: {has} of {wanted} bytes are there"
    return f"is {has} bytes long instead of {wanted}: it is altered"
