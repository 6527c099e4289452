"""A small log of the tests' own: entries, checkpoints, witnesses, all from one seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recovery.audit import offline
from recovery.audit.leaves import Stored, leaf_data
from recovery.core.tlog.checkpoints import Checkpoint
from recovery.core.tlog.notes import COSIGNATURE, SignerKey, VerifierKey
from recovery.core.tlog.tree import Frontier, leaf_hash
from recovery.core.tlog.witness import cosign

KEY = SignerKey("tocsin.test/audit", b"k" * 32)
LOGS = [offline.read_key(str(KEY.verifier))]
WITNESS = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
WITNESS_KEY = VerifierKey("par1-h1", WITNESS.public_key().public_bytes_raw(), COSIGNATURE)
WITNESSES = [offline.read_key(str(WITNESS_KEY))]


def row(index: int, word: str = "lost") -> Stored:
    body = f'{{"action": "{word}", "after": {{"verdict": "{word}"}}, "reason": "No {index}."}}'
    at = f"2026-11-29T00:00:{index % 60:02d}.000000Z"
    return Stored(index + 1, str(700 + index // 3), at, "host", f"h{index % 7}", index + 1, body)


def cosigned(note: str, seconds: int = 1_700_000_000) -> str:
    public = WITNESS.public_key().public_bytes_raw()
    return note + cosign(WITNESS_KEY.name, public, WITNESS.sign, note, seconds)


@dataclass
class Log:
    """`sizes`: where checkpoints were signed."""

    entries: list[bytes]
    sizes: Sequence[int]
    leaves: list[bytes] = field(default_factory=list)
    checkpoints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.leaves = [leaf_hash(entry) for entry in self.entries]
        self.checkpoints = [cosigned(note_of(self.leaves[:size])) for size in self.sizes]

    def bundle(self, first: int = 0) -> dict[str, Any]:
        frontier, _ = Frontier().extended(self.leaves[:first])
        return {
            "first": first,
            "frontier": list(frontier.hashes),
            "entries": self.entries[first:],
            "leaves": self.leaves[first:],
            "checkpoints": list(self.checkpoints),
        }


def note_of(leaves: Sequence[bytes]) -> str:
    frontier, _ = Frontier().extended(leaves)
    return Checkpoint(KEY.name, frontier.size, frontier.root).signed(KEY)


def make_log(random: Random, size: int) -> Log:
    entries = [leaf_data(index, row(index)) for index in range(size)]
    sizes = sorted({size, *(random.randint(1, size) for _ in range(random.randint(0, 4)))})
    return Log(entries, sizes)
