"""How an approver proved to be there, looked at anew whenever something rests on it.

Invariant: what proves it is out of reach of whoever writes rows: the pinned keys are a file, and
what seals a code is a key that PostgreSQL never holds.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from django.conf import settings

from recovery.core import vault
from recovery.core.consent import Assertion, GlassWord, Party, Pin, Word, read_pins, refuse
from recovery.core.errors import BadConfiguration
from recovery.drp.facts import Factor


def pins() -> tuple[Pin, ...]:
    """Nobody's, where there is no file or none that can be read: then nothing dangerous can be
    approved, and nothing else stops."""
    return _pins()[0]


def refuse_pins() -> str:
    """Why the file is there and cannot be read; empty where it can."""
    return _pins()[1]


def _pins() -> tuple[tuple[Pin, ...], str]:
    path = Path(settings.TOCSIN_PINS)
    try:
        return (read_pins(path.read_bytes()) if path.exists() else ()), ""
    except (BadConfiguration, OSError, RecursionError) as error:
        return (), str(error)


def party() -> Party:
    """We, as a browser and its passkeys know us."""
    url = urlsplit(settings.TOCSIN_URL)
    return Party(url.hostname or "", frozenset({f"{url.scheme}://{url.netloc}"}))


def seal_code(word: Word) -> str:
    """Written by whoever saw that the code was right."""
    return vault.seal("yes", about=_about(word))


def write_assertion(assertion: Assertion) -> str:
    return msgspec.json.encode(assertion).decode()


def unproven(factor: str, proof: str, word: Word, pinned: tuple[Pin, ...]) -> str:
    """Why it is no proof of this word; empty where it is one."""
    return _sealed(proof, word) if factor == Factor.TOTP else unsigned(proof, word, pinned)


def unsigned(proof: str, word: Word | GlassWord, pinned: tuple[Pin, ...]) -> str:
    """Why no passkey signed this; empty where one did."""
    assertion = read_assertion(proof)
    if assertion is None:
        return "There is no signature that can be read."
    return refuse(assertion, word, pinned, party())


def read_assertion(proof: str) -> Assertion | None:
    """None where it is none."""
    try:
        return msgspec.json.decode(proof, type=Assertion)
    except (msgspec.MsgspecError, UnicodeError):
        return None


def _sealed(proof: str, word: Word) -> str:
    try:
        said = vault.unseal(proof, about=_about(word))
    except vault.VaultClosed:
        return "Nobody of ours saw a code of this person for this."
    return "" if said == "yes" else "Nobody of ours saw a code of this person for this."


def _about(word: Word) -> str:
    return f"approval {word.digest} {word.run} {word.step} {word.approver} {word.nonce}"
