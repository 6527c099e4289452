"""This host as a witness of the audit log: what it has cosigned it keeps, and never contradicts.

Invariants: a checkpoint is on this host's disk before its cosignature leaves, so that neither a
crash nor a control plane that was rewritten makes it cosign two logs that disagree. No log that
it has kept makes way for another. Nothing of a witness ends the agent or a session of it: what
cannot be kept is refused, with the reason.
"""

from __future__ import annotations

import base64
import binascii
import logging
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from recovery.agent.disk import write_atomic
from recovery.core import wire
from recovery.core.clock import Clock
from recovery.core.tlog.checkpoints import Checkpoint, open_checkpoint
from recovery.core.tlog.notes import BadNote, VerifierKey
from recovery.core.tlog.witness import Judged, Judgement, cosign, judge

_log = logging.getLogger("tocsin.agent.witness")
KEPT_LOGS = 16
"""A log that begins anew has another name; the older ones stay known, or throw-away logs would
make it forget the one that counts. Full, it is for this host's operator to empty the file."""


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
        self._logs: dict[str, _Log] | None = None
        self._lost = ""
        self._turn = threading.Lock()

    def take(self, frame: wire.Checkpoint) -> wire.Cosigned:
        """Judge it; keep and cosign it, or say why not. Blocks on the disk."""
        with self._turn:  # two control planes at once are judged by the same kept checkpoint
            try:
                return self._take(frame)
            except Exception as error:  # noqa: BLE001 (whatever it is: a lost link costs leases)
                _log.exception("no checkpoint can be kept")
                return self._refused(None, f"this host can keep none: {error}")

    def _known(self) -> dict[str, _Log]:
        """What was kept; a damaged file is moved aside, and the next cosignature says so."""
        if self._logs is None:
            self._logs = self._load() if self._path.exists() else {}
        return self._logs

    def _load(self) -> dict[str, _Log]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, _Log])
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            now = int(self._clock.now().timestamp())
            aside = self._path.with_name(f"{self._path.name}.damaged-{now}")
            self._path.rename(aside)
            self._lost = f"what it had kept was damaged and lies in {aside.name}"
            _log.error("%s: %s", self._lost, error)
            return {}

    def _take(self, frame: wire.Checkpoint) -> wire.Cosigned:
        try:
            key = VerifierKey.parse(frame.key)
            proof = [base64.b64decode(one, validate=True) for one in frame.proof]
        except (BadNote, binascii.Error) as error:
            return self._refused(None, f"not a checkpoint: {error}")
        logs = self._known()
        log = logs.get(key.name)
        if log is None and len(logs) >= KEPT_LOGS:
            return self._refused(
                None, f"{len(logs)} logs are kept here, {key.name} is none of them"
            )
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
        logs = self._known()
        others = [name for name in logs if name != key.name]
        is_new = key.name not in logs
        self._keep(logs, key, frame)
        now = int(self._clock.now().timestamp())
        line = cosign(self._name, self._public, self._sign, frame.note, now)
        why, self._lost = self._lost, ""
        if others and is_new:
            why = f"{key.name} is another log than {others[-1]}"
            _log.warning("%s", why)
        return wire.Cosigned(
            judgement="cosign", size=mark.size, kept=mark.size, line=line, reason=why
        )

    def _keep(self, logs: dict[str, _Log], key: VerifierKey, frame: wire.Checkpoint) -> None:
        log = logs.get(key.name)
        if log is not None and log.note == frame.note:
            return
        kept = {name: one for name, one in logs.items() if name != key.name}
        kept[key.name] = _Log(frame.key, frame.note)
        write_atomic(self._path, msgspec.json.encode(kept))
        self._logs = kept

    def _refused(self, log: _Log | None, reason: str, kept: int = 0) -> wire.Cosigned:
        evidence = log.note if log else ""
        return wire.Cosigned(
            judgement="refuse", size=0, kept=kept, reason=reason[:500], evidence=evidence
        )
