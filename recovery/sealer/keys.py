"""The log's private key and what it has signed: two files that only the sealer's user reads.

Invariant: the key never signs two lists of which neither begins with the other. What it signed
last is on the disk before anybody is told, so that a database put back or rewritten by its own
superuser cannot make this sealer sign a fork.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from recovery.core.errors import BadConfiguration
from recovery.core.tlog.checkpoints import Checkpoint, open_checkpoint
from recovery.core.tlog.notes import BadNote, SignerKey


def load_key(path: Path) -> SignerKey | None:
    """The key of this file, or None where there is none. Refused if others may read it."""
    try:
        mode = path.stat().st_mode & 0o077
        text = path.read_text().strip()
    except FileNotFoundError:
        return None
    if mode:
        raise BadConfiguration(
            f"{path} can be read by others.", field="TOCSIN_AUDIT_KEY_FILE", todo="chmod 600"
        )
    try:
        return SignerKey.parse(text)
    except BadNote as error:
        raise BadConfiguration(f"{path}: {error}.", field="TOCSIN_AUDIT_KEY_FILE") from error


def make_key(path: Path, host: str) -> SignerKey:
    """A new key for a log whose name nobody else has."""
    name = f"{host or 'tocsin.local'}/audit/{secrets.token_hex(4)}"
    key = SignerKey(name, secrets.token_bytes(32))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_kept(path, key.text() + "\n")
    return key


def memory_of(key_file: Path, key: SignerKey) -> Path:
    """Where what this key signed last is kept: beside it, under its id."""
    return key_file.with_name(f"{key_file.name}-signed-{key.verifier.id.hex()}")


def make_key_anew(path: Path, host: str) -> SignerKey:
    """Another log's key in the place of this one, which is kept under its id beside it."""
    old = load_key(path)
    if old is not None:
        path.rename(path.with_name(f"{path.name}.{old.verifier.id.hex()}"))
    return make_key(path, host)


def write_kept(path: Path, text: str) -> None:
    """The whole of it or nothing, for its owner alone, on the disk when this returns."""
    partial = path.with_name(f"{path.name}.partial")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    partial.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@dataclass(slots=True)
class Memory:
    """The newest checkpoint that this key signed, kept beside the key."""

    path: Path
    key: SignerKey
    note: str = ""
    checkpoint: Checkpoint | None = None

    def __post_init__(self) -> None:
        self._reread()

    def _reread(self) -> None:
        """What the file says, if it is there."""
        try:
            self.adopt(self.path.read_text())
        except FileNotFoundError:
            pass
        except BadNote as error:
            raise BadConfiguration(
                f"{self.path} is damaged: {error}.",
                todo="Compare it with a checkpoint that a host or a copy has kept, and put that "
                "in its place.",
            ) from error

    @property
    def size(self) -> int:
        return self.checkpoint.size if self.checkpoint else 0

    def adopt(self, note: str) -> None:
        """What was signed elsewhere by this key is remembered from now on."""
        self.checkpoint, self.note = open_checkpoint(note, self.key.verifier), note

    def keep(self, note: str) -> bool:
        """On the disk before it is anywhere else. False: another sealer of this key has kept
        something since; that is remembered now, and nothing is kept."""
        known = self.note
        self._reread()
        if self.note != known:
            return False
        write_kept(self.path, note)
        self.adopt(note)
        return True
