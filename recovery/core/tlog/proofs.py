"""A leaf's proof as text (c2sp.org/tlog-proof): its index, the way to the root, a checkpoint."""

from __future__ import annotations

import base64
from collections.abc import Sequence

HEADER = "c2sp.org/tlog-proof@v1"


def proof_text(index: int, hashes: Sequence[bytes], note: str) -> str:
    """What a `.tlog-proof` file holds."""
    lines = [HEADER, f"index {index}", *(base64.b64encode(one).decode() for one in hashes)]
    return "\n".join(lines) + f"\n\n{note}"
