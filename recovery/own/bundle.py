"""Tocsin's keys as they may lie in a store beside the data that they open: sealed to a person.

    "TCR1" · the sender's public key 32 · nonce 12 · AES-256-GCM( JSON: path → base64 )

The key is HKDF-SHA256 of an X25519 agreement between a key made for this one sealing and the
person's recovery key; everything before the ciphertext, the person's public key and the object's
name are bound to it. Invariant: nothing on this machine and nothing in a store opens it; whoever
holds the private half, which is kept elsewhere, does.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from recovery.core.errors import BadConfiguration, Refused

PREFIX = "tocsin-itself-keys/"
KEPT = 8
_MAGIC = b"TCR1"
_HEAD = len(_MAGIC) + 32
_SHAPE = "It is one line that begins with tocsin-recovery-"
Files = Mapping[str, bytes]


def make_recovery_key() -> tuple[str, str]:
    """The private half, for a person to keep elsewhere, and the public one, for this machine."""
    key = X25519PrivateKey.generate()
    halves = key.private_bytes_raw(), key.public_key().public_bytes_raw()
    private, public = (base64.b64encode(half).decode() for half in halves)
    return f"tocsin-recovery-key:{private}", f"tocsin-recovery-public:{public}"


def name_of(files: Files, now: datetime) -> str:
    """Another one for other files; later ones come after earlier ones."""
    return f"{PREFIX}{now:%Y%m%dT%H%M%SZ}-{digest_of(files)}"


def digest_of(files: Files) -> str:
    """The same for the same files. They hold random keys, so it tells nothing of them."""
    found = hashlib.blake2b(digest_size=8)
    for name, content in sorted(files.items()):
        found.update(hashlib.blake2b(name.encode()).digest() + hashlib.blake2b(content).digest())
    return found.hexdigest()


def seal_files(files: Files, public: str, *, name: str) -> bytes:
    """To be stored under `name` and no other."""
    person = _half(public, "public")
    sender = X25519PrivateKey.generate()
    head = _MAGIC + sender.public_key().public_bytes_raw()
    key = _key(sender.exchange(X25519PublicKey.from_public_bytes(person)), head, person)
    told = {path: base64.b64encode(content).decode() for path, content in sorted(files.items())}
    nonce = os.urandom(12)
    return head + nonce + AESGCM(key).encrypt(nonce, msgspec.json.encode(told), name.encode())


def open_files(sealed: bytes, private: str, *, name: str) -> dict[str, bytes]:
    """With the private half. `Refused` where it was sealed to another, or is not whole."""
    key = X25519PrivateKey.from_private_bytes(_half(private, "key"))
    head, nonce = sealed[:_HEAD], sealed[_HEAD : _HEAD + 12]
    if len(sealed) < _HEAD + 12 or not head.startswith(_MAGIC):
        raise Refused(f"{name} is none of Tocsin's sealed keys, or cut off.")
    shared = key.exchange(X25519PublicKey.from_public_bytes(head[len(_MAGIC) :]))
    opener = AESGCM(_key(shared, head, key.public_key().public_bytes_raw()))
    try:
        plain = opener.decrypt(nonce, sealed[_HEAD + 12 :], name.encode())
    except InvalidTag as error:
        raise Refused(
            f"{name} does not open: it was sealed to another recovery key, or altered.",
            field="recovery key",
        ) from error
    told = msgspec.json.decode(plain, type=dict[str, str])
    return {path: base64.b64decode(content) for path, content in told.items()}


def files_of(state: Path) -> dict[str, bytes]:
    """What the archive does not hold and a new machine needs: secrets, certificates, our keys."""
    folders = [state / "secrets", state / "tls"]
    paths = [path for folder in folders if folder.exists() for path in folder.rglob("*")]
    names = ("stores.json", "keys", "credentials", "recovery.pub")
    paths += [state / "own" / name for name in names]
    wanted = [path for path in paths if path.is_file() and ".partial" not in path.name]
    return {path.relative_to(state).as_posix(): path.read_bytes() for path in wanted}


def _key(shared: bytes, head: bytes, person: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=head + person, info=b"tocsin recovery 1").derive(shared)


def _half(text: str, kind: str) -> bytes:
    word, _, half = text.strip().partition(":")
    try:
        found = base64.b64decode(half, validate=True)
    except binascii.Error:
        found = b""
    if word != f"tocsin-recovery-{kind}" or len(found) != 32:
        raise BadConfiguration(f"This is no recovery {kind}.", todo=f"{_SHAPE}{kind}:.")
    return found
