"""Restore tests: begun with the reason of the choice, ended by what was read back."""

from __future__ import annotations

from datetime import datetime

from recovery.audit.facts import Actor
from recovery.backups.facts import ProofState
from recovery.backups.models import BackupReplica, Proof
from recovery.core import transitions
from recovery.core.errors import Refused


def begin_proof(*, replica: BackupReplica, why: str, actor: Actor, now: datetime) -> Proof:
    """Intent before act: the row stands before anything is restored. `Refused` while one runs."""
    if Proof.objects.filter(replica=replica, state=ProofState.RUNNING).exists():
        raise Refused(f"A restore test of {replica} runs already.", field="replica")
    row = Proof(replica=replica, why=why, begun_at=now)
    return transitions.create([row], actor=actor, reason=why, now=now)[0]


def pass_proof(
    *,
    proof: Proof,
    recoverable_to: datetime,
    bytes_restored: int,
    seconds: float,
    said: str,
    actor: Actor,
    now: datetime,
) -> Proof:
    """It was restored and read back up to there."""
    changes = {
        "ended_at": now,
        "recoverable_to": recoverable_to,
        "bytes": bytes_restored,
        "seconds": seconds,
        "said": said,
    }
    return transitions.move(
        proof, ProofState.PASSED, changes=changes, actor=actor, reason=said, now=now
    )


def fail_proof(*, proof: Proof, said: str, actor: Actor, now: datetime) -> Proof:
    """It could not be restored, or not read back; `said` is why."""
    changes = {"ended_at": now, "said": said}
    return transitions.move(
        proof, ProofState.FAILED, changes=changes, actor=actor, reason=said, now=now
    )
