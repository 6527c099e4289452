"""Restore tests: begun with the reason of the choice, ended by what was read back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from recovery.audit.facts import Actor
from recovery.backups.facts import ProofState
from recovery.backups.models import BackupReplica, Proof
from recovery.core import transitions
from recovery.core.errors import Refused
from recovery.own.folder import OwnProof


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


def void_proof(*, proof: Proof, said: str, actor: Actor, now: datetime) -> Proof:
    """It told nothing about what the archive holds; `said` is why."""
    changes = {"ended_at": now, "said": said}
    return transitions.move(
        proof, ProofState.VOID, changes=changes, actor=actor, reason=said, now=now
    )


def note_own_proofs(*, proofs: Mapping[int, OwnProof], actor: Actor) -> int:
    """Tests of Tocsin's own replicas, which its archiver made and told; how many were new."""
    count = 0
    for number, told in sorted(proofs.items()):
        replica = BackupReplica.objects.filter(database=None, number=number).first()
        if replica is None or told.begun < replica.since:
            continue
        with transaction.atomic():
            if Proof.objects.filter(replica=replica, begun_at__gte=told.begun).exists():
                continue
            why = "Its time had come. Restored beside it by Tocsin's own archiver."
            proof = begin_proof(replica=replica, why=why, actor=actor, now=told.begun)
            _end(proof, told, actor)
            count += 1
    return count


def _end(proof: Proof, told: OwnProof, actor: Actor) -> None:
    if told.failure or told.canary is None:
        fail_proof(proof=proof, said=told.failure, actor=actor, now=told.ended)
        return
    pass_proof(
        proof=proof,
        recoverable_to=told.canary,
        bytes_restored=told.size,
        seconds=told.seconds,
        said="It was restored, started, asked and read back.",
        actor=actor,
        now=told.ended,
    )
