"""The file of pinned keys: written whole or not at all, by an administrator at the machine.

Invariants: nothing that a browser can reach writes it; whoever reads it sees the old file or the
new one; only its owner can read it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from django.conf import settings

from recovery.core.consent import Pin, read_pins, write_pins
from recovery.core.errors import BadConfiguration

GROUP = 4


def fingerprint(person: str, handle: str, public: str) -> str:
    """What a person reads out from their page and an administrator compares: SHA-256 over all
    three, each with its length, in groups of four."""
    parts = (part.encode() for part in (person, handle, public))
    raw = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    text = hashlib.sha256(raw).hexdigest()[:32]
    return " ".join(text[at : at + GROUP] for at in range(0, len(text), GROUP))


def make_pin(person: str, handle: str, public: str, roles: Collection[str]) -> Pin:
    """`roles`: the person's at this moment, as the administrator confirmed them: whoever writes
    rows later can take from them and add nothing."""
    return Pin(person, handle, public, tuple(sorted(roles)))


@contextmanager
def changed_pins() -> Iterator[list[Pin]]:
    """The pins to change; written when the block ends well. `BadConfiguration` where the file
    there cannot be read: it is never overwritten then."""
    path = Path(settings.TOCSIN_PINS)
    pins = list(read_pins(path.read_bytes())) if path.exists() else []
    yield pins
    try:
        _write(path, write_pins(pins))
    except OSError as error:
        raise BadConfiguration(
            f"{path} cannot be written: {error}.", kept="It is as it was before."
        ) from error


def _write(path: Path, raw: bytes) -> None:
    """Readable by its owner alone from its first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except OSError:
            with suppress(OSError):
                Path(file.name).unlink()
            raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
