"""Checkpoints (c2sp.org/tlog-checkpoint): which log, how many leaves, under which root."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass

from recovery.core.tlog.notes import BadNote, SignerKey, VerifierKey, open_note
from recovery.core.tlog.tree import HASH

_LINES = 3
MAX_SIZE = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log signs. A log never signs two of one size with different roots."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def signed(self, key: SignerKey) -> str:
        return key.sign(self.text())


def parse_checkpoint(text: str) -> Checkpoint:
    """Reads the text of a note; lines after the third are extensions and are skipped."""
    lines = text.split("\n")
    if len(lines) <= _LINES or not lines[0]:
        raise BadNote("a checkpoint has an origin, a size and a root")
    origin, size, packed = lines[:_LINES]
    if not size.isdecimal() or not size.isascii() or str(int(size[:20])) != size:
        raise BadNote(f"{size[:40]!r} is no number of leaves")
    try:
        root = base64.b64decode(packed, validate=True)
    except binascii.Error as error:
        raise BadNote("the root is not base64") from error
    if len(root) != HASH or base64.b64encode(root).decode() != packed or int(size) > MAX_SIZE:
        raise BadNote("the root or the size is not one of a tree")
    return Checkpoint(origin, int(size), root)


def open_checkpoint(note: str, key: VerifierKey, others: Iterable[VerifierKey] = ()) -> Checkpoint:
    """The checkpoint of the log whose key this is, its signature verified. `others`: earlier
    keys of the same log."""
    found = parse_checkpoint(open_note(note, [key, *others]))
    if found.origin != key.name:
        raise BadNote(f"the checkpoint is of {found.origin}, not of {key.name}")
    return found
