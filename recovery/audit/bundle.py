"""What an auditor takes home: entries, hashes, checkpoints with their witnesses, the verifier.

Invariant: a bundle is checked with nothing but itself, Python, and public keys that came
another way (`recovery/audit/offline.py`).
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import IO

from recovery.audit import offline, queries
from recovery.audit.leaves import leaf_data
from recovery.core.tlog.proofs import proof_text
from recovery.core.tlog.tree import covering

README = """\
An export of a Tocsin audit log. To check it, with Python 3.8 or newer and nothing else:

    python3 verify.py THIS.zip --log KEY --witness KEY --need 1

It ends with 0 where every entry is proven, with 1 where anything is wrong, with 2 where the last
entries are under no such checkpoint yet: it says from which on. THIS.zip is the file as it came,
not a folder that it was unpacked into: of that it looks at nothing, and ends with 64.

Take the keys from where you keep them, not from bundle.json. entries.jsonl holds one entry a
line (RFC 8785); the hash of each line is a leaf of the tree (RFC 6962) whose roots are signed
in checkpoints.json (c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature).
"""


def checkpoint_with_witnesses(size: int) -> str:
    """The signed note of this size with every cosignature under it."""
    mark = queries.checkpoint_of(size)
    lines = [one.line for one in queries.cosignatures(size) if one.size == size]
    return (mark.note if mark else "") + "".join(lines)


def prove(leaf: int) -> str | None:
    """The leaf's `.tlog-proof` under the newest checkpoint; None where none covers it yet."""
    newest = queries.newest_checkpoint()
    if newest is None or not 0 <= leaf < newest.size:
        return None
    hashes = queries.prove_inclusion(leaf, newest.size)
    return proof_text(leaf, hashes, checkpoint_with_witnesses(newest.size))


def write_bundle(out: IO[bytes], *, first: int, witness_keys: Iterable[str], now: datetime) -> int:
    """The sealed entries from leaf `first` on, as a zip file; how many."""
    size = queries.head().size
    first = min(first, size)
    frontier = [queries.complete(level, index) for level, index in covering(0, first)]
    about = {
        "v": 1,
        "made_at": now.isoformat(),
        "first": first,
        "size": size,
        "frontier": [one.hex() for one in frontier],
        "unsealed": queries.waiting().unsealed,
        "log_keys": queries.log_keys(),
        "witness_keys": sorted(witness_keys),
    }
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("entries.jsonl", "w", force_zip64=True) as lines:
            for index, _, row in queries.sealed_rows(first, size):
                if row is not None:
                    lines.write(leaf_data(index, row) + b"\n")
        with archive.open("leaves.bin", "w", force_zip64=True) as leaves:
            for at in range(first, size, 10_000):
                leaves.write(b"".join(queries.hashes_of(0, at, min(size, at + 10_000))))
        archive.writestr("checkpoints.json", json.dumps(_notes(first), ensure_ascii=False))
        archive.writestr("bundle.json", json.dumps(about, indent=1))
        archive.writestr("README.txt", README)
        archive.write(Path(offline.__file__), "verify.py")
    return size - first


def _notes(first: int) -> list[str]:
    lines: dict[int, list[str]] = {}
    for one in queries.cosignatures(first):
        lines.setdefault(one.size, []).append(one.line)
    return [row.note + "".join(lines.get(row.size, [])) for row in queries.checkpoints(first)]
