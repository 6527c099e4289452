"""Who signs a report: a key of its own, in a file, by reference. One line over the exact bytes.

Invariants: the key signs reports and nothing else; the line is that of c2sp.org/signed-note, over
the file's bytes as they are, so that any tool with Ed25519 and the public key can check it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recovery.core.errors import BadConfiguration, Refused
from recovery.core.tlog.notes import BadNote, SignerKey, VerifierKey, signature_line, split_note

FIELD = "TOCSIN_REPORT_KEY_FILE"


def report_key(path: Path, host: str) -> SignerKey:
    """The key of this file; it is made where there is none, once, whoever is first."""
    try:
        return _read(path)
    except FileNotFoundError:
        return _make(path, host)


def _read(path: Path) -> SignerKey:
    mode = path.stat().st_mode & 0o077
    if mode:
        raise BadConfiguration(f"{path} can be read by others.", field=FIELD, todo="chmod 600")
    try:
        return SignerKey.parse(path.read_text().strip())
    except BadNote as error:
        raise BadConfiguration(f"{path}: {error}.", field=FIELD) from error


def _make(path: Path, host: str) -> SignerKey:
    key = SignerKey(
        f"{host or 'tocsin.local'}/reports/{secrets.token_hex(4)}", secrets.token_bytes(32)
    )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(key.text() + "\n")
        out.flush()
        os.fsync(out.fileno())
    try:
        os.link(partial, path)
    except FileExistsError:
        return _read(path)
    finally:
        partial.unlink()
    return key


def sign(key: SignerKey, raw: bytes) -> str:
    """The line under these bytes."""
    made = Ed25519PrivateKey.from_private_bytes(key.seed).sign(raw)
    return signature_line(key.verifier, made)


def signer_of(raw: bytes, line: str, keys: Iterable[VerifierKey]) -> VerifierKey:
    """Which of these keys signed exactly these bytes. `Refused` where none did."""
    try:
        _, (found,) = split_note(f"-\n\n{line}")
    except (BadNote, ValueError) as error:
        raise Refused(f"This is no line of a signature: {error}.") from error
    for key in keys:
        if found.is_of(key):
            if key.verifies(found.signature, raw):
                return key
            raise Refused(f"{key.name} did not sign these bytes: they or the line were altered.")
    raise Refused(f"It says that {found.name} signed it, and no key of that name was given.")
