"""A signature of a real authenticator, and everything that is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from fido2.utils import websafe_decode, websafe_encode

from recovery.core.consent import (
    Assertion,
    Party,
    Word,
    challenge,
    read_pins,
    refuse,
    write_pins,
)
from recovery.core.errors import BadConfiguration
from tests.support.passkeys import FLAG, PARTY, Passkey, edwards

WORD = Word("ab" * 32, "11111111-2222-3333-4444-555555555555", "fence", "bruno", "cd" * 32)


@pytest.fixture(params=[Passkey, edwards], ids=["ES256", "EdDSA"])
def key(request: pytest.FixtureRequest) -> Passkey:
    make: Callable[[str], Passkey] = request.param
    return make("bruno")


def test_what_the_pinned_key_signed_is_a_yes(key: Passkey) -> None:
    assert refuse(key.sign(WORD), WORD, [edwards("chloe").pin, key.pin], PARTY) == ""


@pytest.mark.parametrize(
    "other",
    [
        {"digest": "ac" * 32},
        {"run": "11111111-2222-3333-4444-555555555556"},
        {"step": "fencf"},
        {"nonce": "cc" * 32},
    ],
)
def test_a_yes_to_something_else_is_none_to_this(key: Passkey, other: dict[str, str]) -> None:
    signed = key.sign(replace(WORD, **other))
    assert "another plan, run, step or person" in refuse(signed, WORD, [key.pin], PARTY)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"party": "tocsin.evil"}, "another site"),
        ({"origin": "https://tocsin.example.evil"}, "which is not us"),
        ({"kind": "webauthn.create"}, "no signature of anything"),
        ({"flags": FLAG.UP}, "did not verify the person"),
        ({"flags": FLAG.UV}, "did not verify the person"),
        ({"cross_origin": True}, "inside another’s page"),
    ],
)
def test_what_was_signed_elsewhere_or_by_nobody_is_refused(
    key: Passkey, how: dict[str, Any], said: str
) -> None:
    assert said in refuse(key.sign(WORD, **how), WORD, [key.pin], PARTY)


def test_another_persons_key_and_an_unknown_one_are_refused(key: Passkey) -> None:
    other = Passkey("chloe")
    assert "chloe’s, and not bruno’s" in refuse(other.sign(WORD), WORD, [other.pin], PARTY)
    assert "No pinned key" in refuse(other.sign(WORD), WORD, [key.pin], PARTY)
    forged = msgspec.structs.replace(other.sign(WORD), credential=key.credential)
    assert "not that of the pinned key" in refuse(forged, WORD, [key.pin], PARTY)


@pytest.mark.parametrize("field", ["authenticator_data", "client_data", "signature"])
def test_every_flipped_bit_is_refused(key: Passkey, field: str) -> None:
    signed = key.sign(WORD)
    raw = websafe_decode(getattr(signed, field))
    for at in range(len(raw)):
        flipped = bytearray(raw)
        flipped[at] ^= 1 << (at % 8)
        changes = {field: websafe_encode(bytes(flipped))}
        bad = msgspec.structs.replace(signed, **changes)
        assert refuse(bad, WORD, [key.pin], PARTY)


@pytest.mark.parametrize("field", Assertion.__struct_fields__)
@pytest.mark.parametrize("text", ["", "!!", "AAAA", "e30", "bnVsbA", "W10"])
def test_nonsense_is_refused_with_a_reason(field: str, text: str) -> None:
    key = Passkey("bruno")
    bad = msgspec.structs.replace(key.sign(WORD), **{field: text})
    assert refuse(bad, WORD, [key.pin], PARTY)


def test_a_pin_that_is_no_key_lets_nobody_in() -> None:
    key = Passkey("bruno")
    for bad in ("", "oA", "AAAA", websafe_encode(b"\xa1\x03\x38\x24")):
        pin = msgspec.structs.replace(key.pin, key=bad)
        assert refuse(key.sign(WORD), WORD, [pin], PARTY)


def test_no_two_words_have_the_same_bytes() -> None:
    moved = replace(WORD, step="fenc", approver="ebruno")
    assert challenge(moved) != challenge(WORD)
    with pytest.raises(ValueError, match="instead of 32"):
        challenge(replace(WORD, digest="ab"))
    assert "cannot be read" in refuse(
        Passkey("bruno", credential="x").sign(WORD),
        replace(WORD, nonce="00"),
        [Passkey("bruno", credential="x").pin],
        PARTY,
    )


def test_a_page_of_ours_under_another_name_counts() -> None:
    key, party = Passkey("bruno"), Party("localhost", frozenset({"http://localhost:8000"}))
    signed = key.sign(WORD, party="localhost", origin="http://localhost:8000")
    assert refuse(signed, WORD, [key.pin], party) == ""


def test_pins_are_read_as_they_were_written() -> None:
    pins = (Passkey("bruno").pin, edwards("chloe").pin)
    assert read_pins(write_pins(pins)) == pins
    with pytest.raises(BadConfiguration, match="cannot be read"):
        read_pins(b'[{"person": "x"}]')
