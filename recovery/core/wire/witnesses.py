"""Frames about the audit log: a checkpoint to cosign, and what the witness makes of it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from recovery.core.wire.frame import Frame, Whole

Hash = Annotated[str, msgspec.Meta(max_length=44)]
Note = Annotated[str, msgspec.Meta(max_length=8192)]


class Checkpoint(Frame, frozen=True):
    """gateway → agent, now and then: the log's newest checkpoint. `key`: the log's public key;
    `proof` (base64 hashes) shows that it begins with the `old` leaves that this host saw last."""

    key: str
    note: str
    old: int
    proof: tuple[Hash, ...] = ()


class Cosigned(Frame, frozen=True):
    """agent → gateway. `kept`: the size that this host keeps now; `line`: its cosignature.

    `conflict`: the proof began elsewhere than at `kept`. `refuse`: the log shrank, forked or is
    another one; `evidence` is the checkpoint that this host has kept. `reason` of a `cosign`:
    it is the first of another log than the one kept before.
    """

    judgement: Literal["cosign", "conflict", "refuse"]
    size: Whole
    kept: Whole
    line: Note = ""
    reason: Note = ""
    evidence: Note = ""
