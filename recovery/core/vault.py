"""Secrets that have to stand in a row: sealed with a key that PostgreSQL never holds.

Invariants: what a dump of the tables shows opens nothing (K1); a sealed text opens only for the
thing that it was sealed for, so that one moved to another row is refused. The newest key seals,
the older ones still open.
"""

from __future__ import annotations

import binascii

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from recovery.core.errors import TocsinError


class VaultClosed(TocsinError):
    """A sealed text that our keys do not open, or no key at all."""


def seal(text: str, *, about: str) -> str:
    """The text as it may be kept; `about` names what it belongs to."""
    return _keys().encrypt(f"{about}\n{text}".encode()).decode()


def unseal(sealed: str, *, about: str) -> str:
    """The text that was sealed for `about`."""
    try:
        opened = _keys().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise VaultClosed(
            f"The secret of {about} was sealed with another key, or altered.",
            todo="Put back var/secrets/vault as it was when it was written, older keys below it.",
        ) from error
    owner, _, text = opened.partition("\n")
    if owner != about:
        raise VaultClosed(f"The secret of {about} was sealed for {owner}: rows were exchanged.")
    return text


def _keys() -> MultiFernet:
    words = str(settings.TOCSIN_VAULT_KEYS).split()
    try:
        found = [Fernet(f"{word.rstrip('=')}=") for word in words]
    except (ValueError, binascii.Error) as error:
        raise VaultClosed("A key in TOCSIN_VAULT_KEYS is not 32 bytes in base64.") from error
    if not found:
        raise VaultClosed(
            "Nobody gave the key that secrets in rows are sealed with.",
            todo="Set TOCSIN_VAULT_KEYS, or start with make up, which makes it once.",
        )
    return MultiFernet(found)
