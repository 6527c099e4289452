"""A software authenticator with keys of its own: what a phone does, without the phone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from itertools import count

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from fido2 import cbor
from fido2.cose import ES256, EdDSA
from fido2.utils import websafe_encode
from fido2.webauthn import AuthenticatorData, CollectedClientData

from recovery.core.consent import Assertion, GlassWord, Party, Pin, Word, challenge

PARTY = Party("tocsin.example", frozenset({"https://tocsin.example"}))
FLAG = AuthenticatorData.FLAG
_numbers = count(1)


@dataclass
class Passkey:
    """One person's key. `roles`: for which it is pinned that they may count."""

    person: str
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    credential: str = field(default_factory=lambda: websafe_encode(f"c{next(_numbers)}".encode()))
    uses: int = 0
    roles: tuple[str, ...] = ("responder", "approver", "admin")

    @property
    def pin(self) -> Pin:
        public = self.key.public_key()
        kind = ES256 if isinstance(self.key, ec.EllipticCurvePrivateKey) else EdDSA
        cose = kind.from_cryptography_key(public)  # type: ignore[no-untyped-call]
        raw = websafe_encode(cbor.encode(dict(cose)))
        return Pin(self.person, self.credential, raw, self.roles)

    def sign(
        self,
        word: Word | GlassWord,
        *,
        party: str = PARTY.name,
        origin: str = "https://tocsin.example",
        kind: str = "webauthn.get",
        flags: int = FLAG.UP | FLAG.UV,
        cross_origin: bool = False,
    ) -> Assertion:
        """Its answer to our challenge."""
        return self.answer(
            challenge(word),
            party=party,
            origin=origin,
            kind=kind,
            flags=flags,
            cross_origin=cross_origin,
        )

    def answer(
        self,
        asked: bytes,
        *,
        party: str = PARTY.name,
        origin: str = "https://tocsin.example",
        kind: str = "webauthn.get",
        flags: int = FLAG.UP | FLAG.UV,
        cross_origin: bool = False,
    ) -> Assertion:
        """To whatever a page asks it to sign."""
        self.uses += 1
        data = AuthenticatorData.create(
            hashlib.sha256(party.encode()).digest(), FLAG(flags), self.uses
        )
        told = CollectedClientData.create(kind, asked, origin, cross_origin)
        message = bytes(data) + told.hash
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            signature = self.key.sign(message, ec.ECDSA(hashes.SHA256()))
        else:
            signature = self.key.sign(message)
        return Assertion(
            self.credential,
            websafe_encode(bytes(data)),
            websafe_encode(bytes(told)),
            websafe_encode(signature),
        )


def edwards(person: str) -> Passkey:
    """With the other kind of key."""
    return Passkey(person, ed25519.Ed25519PrivateKey.generate())
