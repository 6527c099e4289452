"""What a browser sends when a passkey is made: a registration of a software authenticator."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

from tests.support.passkeys import FLAG, Passkey


def register(
    key: Passkey,
    options: Mapping[str, Any],
    *,
    party: str = "tocsin.example",
    origin: str = "https://tocsin.example",
    flags: int = FLAG.UP | FLAG.UV | FLAG.AT,
    cross_origin: bool = False,
) -> str:
    """Its answer to these options, as the page's script puts it into the form."""
    public = ES256.from_cryptography_key(key.key.public_key())  # type: ignore[no-untyped-call]
    handle = websafe_decode(key.credential)
    data = AuthenticatorData.create(
        hashlib.sha256(party.encode()).digest(),
        FLAG(flags),
        1,
        AttestedCredentialData.create(Aaguid.NONE, handle, public),
    )
    told = CollectedClientData.create("webauthn.create", options["challenge"], origin, cross_origin)
    return json.dumps(
        {
            "id": key.credential,
            "rawId": key.credential,
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": websafe_encode(bytes(told)),
                "attestationObject": websafe_encode(
                    bytes(AttestationObject.create("none", data, {}))
                ),
            },
        }
    )
