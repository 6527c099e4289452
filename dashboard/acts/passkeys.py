"""A passkey is shown to us, and a code is looked at: what a browser sends, checked once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec
from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from fido2 import cbor
from fido2.server import Fido2Server
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    UserVerificationRequirement,
)

from dashboard.codes import is_right
from recovery.audit.facts import Actor
from recovery.core import clock
from recovery.core.consent import ALGORITHMS, UNREADABLE, Assertion
from recovery.core.errors import Refused
from recovery.drp.actions.passkeys import show_passkey
from recovery.drp.approvals.proofs import party
from recovery.drp.models import Passkey

REQUIRED = UserVerificationRequirement.REQUIRED
State = Mapping[str, Any]


def _server() -> Fido2Server:
    us = party()
    made = Fido2Server(
        PublicKeyCredentialRpEntity(id=us.name, name="Tocsin"),
        verify_origin=lambda origin: origin in us.origins,
    )
    made.allowed_algorithms = [one for one in made.allowed_algorithms if one.alg in ALGORITHMS]
    return made


def begin(person: str, known: list[str]) -> tuple[str, State]:
    """What the browser is asked for, as JSON, and what the answer is checked against."""
    user = PublicKeyCredentialUserEntity(
        name=person, id=hashlib.sha256(person.encode()).digest(), display_name=person
    )
    options, state = _server().register_begin(
        user,
        [
            PublicKeyCredentialDescriptor(
                type=PublicKeyCredentialType.PUBLIC_KEY, id=websafe_decode(one)
            )
            for one in known
        ],
        user_verification=REQUIRED,
    )
    return json.dumps(dict(options.public_key)), state


def keep(state: State | None, answer: str, *, label: str, actor: Actor) -> Passkey:
    """What an authenticator answered to `begin`."""
    if state is None:
        raise Refused("This page was answered already, or is old.", todo="Load it again.")
    try:
        told = RegistrationResponse.from_dict(json.loads(answer))
        data = _server().register_complete(state, told)
        if told.response.client_data.cross_origin is not False:
            raise ValueError("it was made inside another’s page")
        assert data.credential_data is not None, "the server looked for it"
        key = dict(data.credential_data.public_key)
    except (*UNREADABLE, AssertionError) as error:
        raise Refused(
            f"That is no passkey of this page: {error}.", kept="Nothing was kept."
        ) from error
    if key.get(3) not in ALGORITHMS:
        raise Refused("Its key is of a kind that is not taken.", kept="Nothing was kept.")
    return show_passkey(
        label=label,
        handle=websafe_encode(data.credential_data.credential_id),
        public=websafe_encode(cbor.encode(key)),
        actor=actor,
        reason="Shown on the page.",
        now=clock.system.now(),
    )


def read_assertion(answer: str) -> Assertion:
    """What an authenticator signed; whether it is worth anything is looked at elsewhere."""
    try:
        return msgspec.json.decode(answer, type=Assertion)
    except msgspec.MsgspecError as error:
        raise Refused(
            "No signature came with it: the browser has no passkey, or was refused.",
            kept="Nothing was said.",
        ) from error


def has_code(user: User) -> bool:
    rows = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP)
    return bool(rows.exists())


def check_code(user: User, code: str) -> None:
    """`Refused` where it is not the one that this person's device shows now, or was used."""
    row = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first()
    if row is None:
        raise Refused("You have no codes: use your passkey, or set codes up first.")
    try:
        clear = check_rate_limit(user)
    except ValidationError as error:
        raise Refused(" ".join(error.messages), kept="Nothing was said.") from error
    if not is_right(row, code.strip()):
        raise Refused("That is not the code of now, or it was used.", kept="Nothing was said.")
    clear()
