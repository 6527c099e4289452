"""Signed notes (c2sp.org/signed-note): a text, an empty line, and lines of signatures.

Invariant: `open_note` gives a text back only with the signatures of keys that were handed in,
each of which verified; a line of such a key that does not verify refuses the whole note.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519, COSIGNATURE = 1, 4
"""A log's own signature; a witness's cosignature/v1."""
KEY = 32
ID = 4
MAX_SIGNATURES = 100
MAX_NOTE = 1_000_000
_DASH = "— "
_PRIVATE = "PRIVATE+KEY+"


class BadNote(ValueError):
    """Not a note, or not signed by whom it should be."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """Who may have signed: `name+id+base64` in text."""

    name: str
    public: bytes
    algorithm: int = ED25519

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise BadNote(f"{self.name!r} is no name of a key")
        if self.algorithm not in (ED25519, COSIGNATURE) or len(self.public) != KEY:
            raise BadNote(f"the key of {self.name} is of a kind that is not read here")

    @property
    def id(self) -> bytes:
        signed = self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public
        return sha256(signed).digest()[:ID]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{_base64(bytes([self.algorithm]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        name, id_, packed = _parts(text)
        key = cls(name, packed[1:], packed[0])
        if key.id.hex() != id_:
            raise BadNote(f"the id {id_} is not that of the key of {name}")
        return key

    def verifies(self, signature: bytes, signed: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, signed)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class SignerKey:
    """A log's private key: `PRIVATE+KEY+name+id+base64` in text."""

    name: str
    seed: bytes

    def __repr__(self) -> str:
        return f"SignerKey({self.name})"

    @property
    def verifier(self) -> VerifierKey:
        return VerifierKey(self.name, self._key().public_key().public_bytes_raw())

    def text(self) -> str:
        packed = _base64(bytes([ED25519]) + self.seed)
        return f"{_PRIVATE}{self.name}+{self.verifier.id.hex()}+{packed}"

    @classmethod
    def parse(cls, text: str) -> SignerKey:
        if not text.startswith(_PRIVATE):
            raise BadNote("not a private key of a log")
        name, id_, packed = _parts(text.removeprefix(_PRIVATE))
        if packed[0] != ED25519 or len(packed) != KEY + 1:
            raise BadNote("not an Ed25519 key")
        key = cls(name, packed[1:])
        if key.verifier.id.hex() != id_:
            raise BadNote(f"the id {id_} is not that of the key of {name}")
        return key

    def sign(self, text: str) -> str:
        """The note with our signature under it."""
        if not is_text(text):
            raise BadNote("this text cannot be a note")
        signature = self._key().sign(text.encode())
        return f"{text}\n{signature_line(self.verifier, signature)}"

    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


@dataclass(frozen=True, slots=True)
class Signature:
    """One line, not checked by anybody."""

    name: str
    id: bytes
    signature: bytes

    def is_of(self, key: VerifierKey) -> bool:
        return self.name == key.name and self.id == key.id


def is_name(text: str) -> bool:
    return bool(text) and "+" not in text and not any(c.isspace() for c in text)


def is_text(text: str) -> bool:
    """Ends with a line's end; no control characters."""
    return text.endswith("\n") and all(c == "\n" or c >= " " for c in text)


def signature_line(key: VerifierKey, signature: bytes) -> str:
    return f"{_DASH}{key.name} {_base64(key.id + signature)}\n"


def split_note(note: str) -> tuple[str, list[Signature]]:
    """(text, signatures), nothing verified yet."""
    if len(note) > MAX_NOTE or not is_text(note):
        raise BadNote("not a signed note")
    text, found, lines = note.rpartition("\n\n")
    if not found or not lines.endswith("\n"):
        raise BadNote("a signed note has an empty line and signatures under it")
    signatures = [_signature(line) for line in lines.removesuffix("\n").split("\n")]
    if len(signatures) > MAX_SIGNATURES:
        raise BadNote("more signatures than are read")
    return text + "\n", signatures


def open_note(note: str, keys: Iterable[VerifierKey]) -> str:
    """The text, signed by at least one of these logs' keys."""
    text, signatures = split_note(note)
    logs = [key for key in keys if key.algorithm == ED25519]
    pairs = [(line, key) for line in signatures for key in logs if line.is_of(key)]
    if not pairs:
        raise BadNote("no known key has signed this note")
    for line, key in pairs:
        if not key.verifies(line.signature, text.encode()):
            raise BadNote(f"the signature of {key.name} does not verify")
    return text


def _signature(line: str) -> Signature:
    name, _, packed = line.removeprefix(_DASH).partition(" ")
    raw = _raw(packed)
    if not line.startswith(_DASH) or not is_name(name) or len(raw) <= ID:
        raise BadNote(f"{line[:80]!r} is no line of a signature")
    return Signature(name, raw[:ID], raw[ID:])


def _parts(text: str) -> tuple[str, str, bytes]:
    name, _, rest = text.strip().partition("+")
    id_, _, packed = rest.partition("+")
    raw = _raw(packed)
    if not raw:
        raise BadNote("a key has a name, an id and a body")
    return name, id_, raw


def _raw(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadNote("not base64") from error
    if _base64(raw) != text:
        raise BadNote("not the one base64 of these bytes")
    return raw


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
