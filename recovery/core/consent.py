"""A person's yes, signed by their passkey over what they saw. No Django: whoever acts can
verify it with nothing but the pinned keys.

Invariants: a signature counts for one plan, run, step, approver and nonce, or for breaking these
very rules there; for a key that was pinned to that very person, out of reach of whoever writes
rows; given at our own address, with the person seen and verified by the authenticator. Everything
else has a reason. (Whether the person may say yes at all: `recovery.core.mandate`.)
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature
from fido2 import cbor
from fido2.cose import CoseKey
from fido2.utils import websafe_decode
from fido2.webauthn import AuthenticatorData, CollectedClientData

from recovery.core.errors import BadConfiguration

ALGORITHMS = frozenset({-7, -8})
"""ES256 and EdDSA: what authenticators have, and nothing weaker."""
NONCE_BYTES = 32
GLASS = b"tocsin break-glass 1\n"
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError, struct.error)
"""What the readers of others raise at bytes that are none of theirs."""


@dataclass(frozen=True, slots=True)
class Word:
    """What is agreed to. `digest` and `nonce` in hex; `run` a UUID."""

    digest: str
    run: str
    step: str
    approver: str
    nonce: str


@dataclass(frozen=True, slots=True)
class GlassWord:
    """Which rules are broken, by whom, for which question (its nonce), and why."""

    digest: str
    run: str
    step: str
    by: str
    nonce: str
    rules: tuple[str, ...]
    reason: str

    @property
    def approver(self) -> str:
        return self.by


class Pin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A public key (COSE, base64url) that is known to be this person's. `roles`: by name, each for
    which they may ever count; whoever writes rows can take from it, and add nothing."""

    person: str
    credential: str
    key: str
    roles: tuple[str, ...] = ()


class Assertion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an authenticator answered, each in base64url."""

    credential: str
    authenticator_data: str
    client_data: str
    signature: str


@dataclass(frozen=True, slots=True)
class Party:
    """Who asks: the name that passkeys are bound to, and the addresses of our pages."""

    name: str
    origins: frozenset[str]


def challenge(word: Word | GlassWord) -> bytes:
    """SHA-256(plan ‖ run ‖ step ‖ approver ‖ nonce); what has no fixed length tells its own, so
    that no two words have the same bytes. Broken glass begins with its own name, and goes on with
    the rules and the reason: it is never taken for a yes."""
    parts = [
        _exactly(bytes.fromhex(word.digest), 32),
        UUID(word.run).bytes,
        _told(word.step),
        _told(word.approver),
        _exactly(bytes.fromhex(word.nonce), NONCE_BYTES),
    ]
    if isinstance(word, GlassWord):
        rules = [_told(rule) for rule in sorted(set(word.rules))]
        parts = [GLASS, *parts, len(rules).to_bytes(4, "big"), *rules, _told(word.reason)]
    return hashlib.sha256(b"".join(parts)).digest()


def _told(text: str) -> bytes:
    raw = text.encode()
    return len(raw).to_bytes(4, "big") + raw


def roles_of(person: str, pins: Sequence[Pin]) -> frozenset[str] | None:
    """For which this person may count; None: no key of theirs is pinned."""
    theirs = [pin.roles for pin in pins if pin.person == person]
    return frozenset(role for roles in theirs for role in roles) if theirs else None


def _key(pin: Pin) -> CoseKey:
    told = cbor.decode(websafe_decode(pin.key))
    if not isinstance(told, Mapping):
        raise ValueError("its pinned key is no key")
    return CoseKey.parse(told)


def _exactly(raw: bytes, size: int) -> bytes:
    if len(raw) != size:
        raise ValueError(f"{len(raw)} bytes instead of {size}")
    return raw


def refuse(assertion: Assertion, word: Word | GlassWord, pins: Sequence[Pin], party: Party) -> str:
    """Why this person did not sign this; empty where they did."""
    pin = next((one for one in pins if one.credential == assertion.credential), None)
    if pin is None:
        return f"No pinned key has the credential that {word.approver} used."
    if pin.person != word.approver:
        return f"The passkey is {pin.person}’s, and not {word.approver}’s."
    try:
        expected = challenge(word)
        data = AuthenticatorData(websafe_decode(assertion.authenticator_data))
        told = CollectedClientData(websafe_decode(assertion.client_data))
        key = _key(pin)
    except UNREADABLE as error:
        return f"It cannot be read: {error}"
    return _refuse_told(told, expected, party) or _refuse_data(data, told, key, assertion, party)


def _refuse_told(told: CollectedClientData, expected: bytes, party: Party) -> str:
    no = (
        (told.type != "webauthn.get", f"It is a {told.type}, and no signature of anything."),
        (told.challenge != expected, "It was signed for another plan, run, step or person."),
        (told.origin not in party.origins, f"It was signed at {told.origin}, which is not us."),
        (told.cross_origin is not False, "It was signed inside another’s page."),
    )
    return next((why for holds, why in no if holds), "")


def _refuse_data(
    data: AuthenticatorData,
    told: CollectedClientData,
    key: CoseKey,
    assertion: Assertion,
    party: Party,
) -> str:
    if data.rp_id_hash != hashlib.sha256(party.name.encode()).digest():
        return "It was signed for another site."
    if not data.is_user_present() or not data.is_user_verified():
        return "The authenticator did not verify the person (finger, face or PIN)."
    if key.get(3) not in ALGORITHMS:
        return "Its key is of a kind that is not taken."
    try:
        key.verify(bytes(data) + told.hash, websafe_decode(assertion.signature))
    except (InvalidSignature, ValueError, TypeError):
        return "The signature is not that of the pinned key."
    return ""


def read_pins(raw: bytes) -> tuple[Pin, ...]:
    """Of a file that stands beside the agent or the controller, never in PostgreSQL."""
    try:
        return msgspec.json.decode(raw, type=tuple[Pin, ...])
    except msgspec.MsgspecError as error:
        raise BadConfiguration(
            f"The file of pinned keys cannot be read: {error}.",
            todo="Write it anew: nobody can approve anything dangerous until then.",
        ) from error


def write_pins(pins: Sequence[Pin]) -> bytes:
    """Readable, one a line."""
    return b"[\n" + b",\n".join(msgspec.json.encode(pin) for pin in pins) + b"\n]\n"
