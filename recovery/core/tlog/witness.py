"""A witness: it keeps the newest checkpoint it has cosigned, and cosigns only what grows from it.

Invariant: two checkpoints with cosignatures of one witness are of one growing list. Whoever
rewrites or shortens the log needs every witness to forget what it kept.
Format: cosignature/v1 of c2sp.org/tlog-cosignature; a name, an id, a time, a signature.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from recovery.core.tlog.checkpoints import Checkpoint, open_checkpoint
from recovery.core.tlog.notes import (
    COSIGNATURE,
    BadNote,
    Signature,
    VerifierKey,
    signature_line,
    split_note,
)
from recovery.core.tlog.tree import EMPTY_ROOT, BadProof, verify_consistency

_TIME = 8
_SIGNATURE = 64


class Judgement(StrEnum):
    """What a witness makes of a checkpoint."""

    COSIGN = "cosign"
    CONFLICT = "conflict"
    """The proof begins elsewhere than at what is kept: told what is kept, the log tries again."""
    REFUSE = "refuse"
    """Shrunk, forked, or not the log's: this rings."""


@dataclass(frozen=True, slots=True)
class Judged:
    judgement: Judgement
    reason: str = ""
    checkpoint: Checkpoint | None = None


def judge(
    kept: Checkpoint | None, key: VerifierKey, note: str, old: int, proof: Sequence[bytes]
) -> Judged:
    """Whether to cosign the note: `proof` shows that it begins with the `old` first leaves."""
    try:
        offered = open_checkpoint(note, key)
    except BadNote as error:
        return Judged(Judgement.REFUSE, f"not a checkpoint of {key.name}: {error}")
    size, root = (kept.size, kept.root) if kept else (0, EMPTY_ROOT)
    if offered.size < size:
        why = f"the log has shrunk: {offered.size} leaves, where it had {size}"
        return Judged(Judgement.REFUSE, why)
    if size not in (old, offered.size):
        return Judged(Judgement.CONFLICT, f"kept are {size} leaves, the proof begins at {old}")
    try:
        parts = proof if offered.size != size else ()
        verify_consistency(size, offered.size, parts, root, offered.root)
    except BadProof as error:
        return Judged(Judgement.REFUSE, f"the log has forked: {error}")
    return Judged(Judgement.COSIGN, checkpoint=offered)


def cosigned_bytes(text: str, seconds: int) -> bytes:
    """What cosignature/v1 signs."""
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def cosign(name: str, public: bytes, sign: Callable[[bytes], bytes], note: str, now: int) -> str:
    """The line to put under the note. `now`: seconds since 1970."""
    text, _ = split_note(note)
    signature = sign(cosigned_bytes(text, now))
    key = VerifierKey(name, public, COSIGNATURE)
    return signature_line(key, now.to_bytes(_TIME, "big") + signature)


def cosigned_at(text: str, line: Signature, key: VerifierKey) -> int:
    """When this witness cosigned the text; `BadNote` if it did not."""
    if key.algorithm != COSIGNATURE or not line.is_of(key):
        raise BadNote(f"not a cosignature of {key.name}")
    if len(line.signature) != _TIME + _SIGNATURE:
        raise BadNote(f"the cosignature of {key.name} has the wrong length")
    seconds = int.from_bytes(line.signature[:_TIME], "big")
    if not key.verifies(line.signature[_TIME:], cosigned_bytes(text, seconds)):
        raise BadNote(f"the cosignature of {key.name} does not verify")
    return seconds


def read_cosignature(note: str, line: str, key: VerifierKey) -> int:
    """When the witness of this key cosigned the note with this line alone; or `BadNote`."""
    text, _ = split_note(note)
    _, signatures = split_note(f"{text}\n{line}")
    if len(signatures) != 1:
        raise BadNote("one line is one cosignature")
    return cosigned_at(text, signatures[0], key)
