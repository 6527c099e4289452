"""This host as a witness of the audit log: what it has cosigned it keeps, and never contradicts.

Invariant: a checkpoint is on this host's disk before its cosignature leaves, so that neither a
crash nor a control plane that was rewritten makes it cosign two logs that disagree.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from pathlib import Path

import msgspec

from recovery.agent.disk import write_atomic
from recovery.core import wire
from recovery.core.clock import Clock
from recovery.core.tlog.checkpoints import Checkpoint, open_checkpoint
from recovery.core.tlog.notes import BadNote, VerifierKey
from recovery.core.tlog.witness import Judged, Judgement, cosign, judge

KEPT_LOGS = 4
"""A log that begins anew has another name; the older ones stay known."""


class _Log(msgspec.Struct):
    key: str
    note: str


class Witness:
    """`sign`: with the host's own key; `name`: as the control plane calls this host."""

    def __init__(
        self,
        path: Path,
        name: str,
        public: bytes,
        sign: Callable[[bytes], bytes],
        clock: Clock,
    ) -> None:
        self._path, self._name, self._public = path, name, public
        self._sign, self._clock = sign, clock
        self._logs: dict[str, _Log] = {}
        if path.exists():
            self._logs = msgspec.json.decode(path.read_bytes(), type=dict[str, _Log])

    def take(self, frame: wire.Checkpoint) -> wire.Cosigned:
        """Judge it; keep and cosign it, or say why not. Blocks on the disk."""
        try:
            key = VerifierKey.parse(frame.key)
            proof = [base64.b64decode(one, validate=True) for one in frame.proof]
        except (BadNote, binascii.Error) as error:
            return self._refused(None, f"not a checkpoint: {error}")
        log = self._logs.get(key.name)
        if log is not None and log.key != frame.key:
            return self._refused(log, f"{key.name} signs with another key than before")
        kept = open_checkpoint(log.note, key) if log else None
        judged = judge(kept, key, frame.note, frame.old, proof)
        size = kept.size if kept else 0
        if judged.judgement is Judgement.REFUSE:
            return self._refused(log, judged.reason, size)
        if judged.checkpoint is None:
            return wire.Cosigned(judgement="conflict", size=0, kept=size, reason=judged.reason)
        return self._cosigned(key, frame, judged, judged.checkpoint)

    def _cosigned(
        self, key: VerifierKey, frame: wire.Checkpoint, judged: Judged, mark: Checkpoint
    ) -> wire.Cosigned:
        others = [name for name in self._logs if name != key.name]
        is_new = key.name not in self._logs
        self._keep(key, frame)
        now = int(self._clock.now().timestamp())
        line = cosign(self._name, self._public, self._sign, frame.note, now)
        why = f"{key.name} is another log than {others[-1]}" if others and is_new else ""
        return wire.Cosigned(
            judgement="cosign", size=mark.size, kept=mark.size, line=line, reason=why
        )

    def _keep(self, key: VerifierKey, frame: wire.Checkpoint) -> None:
        log = self._logs.get(key.name)
        if log is not None and log.note == frame.note:
            return
        logs = {name: one for name, one in self._logs.items() if name != key.name}
        logs = dict(list(logs.items())[-(KEPT_LOGS - 1) :])
        logs[key.name] = _Log(frame.key, frame.note)
        write_atomic(self._path, msgspec.json.encode(logs))
        self._logs = logs

    def _refused(self, log: _Log | None, reason: str, kept: int = 0) -> wire.Cosigned:
        evidence = log.note if log else ""
        return wire.Cosigned(
            judgement="refuse", size=0, kept=kept, reason=reason[:500], evidence=evidence
        )
