"""Restore tests: a proof's row and its order in one transaction; its outcome as it was told."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from recovery.audit.facts import Actor
from recovery.backups.actions import (
    begin_proof,
    borrow_volume,
    end_loan,
    fail_proof,
    pass_proof,
    void_proof,
)
from recovery.backups.facts import StoreKind
from recovery.backups.models import BackupReplica, Proof
from recovery.core.archive.names import instant as moment_of
from recovery.core.errors import Refused
from recovery.core.wire.backups import RestoreResult
from recovery.inventory.models import Database
from recovery.operations.actions import request_acts
from recovery.operations.facts import Act as Order
from recovery.operations.facts import Verb


def begin_trial(*, replica: UUID, host: UUID, why: str, actor: Actor, now: datetime) -> Proof:
    """Drawn: the row, and its order or the volume that has to be made first. In the caller's
    transaction."""
    row = BackupReplica.objects.select_related("database", "store").get(pk=replica)
    proof = begin_proof(replica=row, why=why, actor=actor, now=now)
    if row.store.kind == StoreKind.SNAPSHOT:
        borrow_volume(replica=row, borrower=proof.pk, actor=actor, reason=why, now=now)
        return proof
    order_trial(proof=proof, host=host, actor=actor, reason=why, now=now)
    return proof


def order_trial(*, proof: Proof, host: UUID, actor: Actor, reason: str, now: datetime) -> None:
    """The order of a test, at the epoch that its database has now. In the caller's transaction."""
    database = Database.objects.get(backups=proof.replica_id)
    if database.primary_id is None:
        raise Refused(f"{database} has no primary: a test of it waits.")
    order = Order(
        verb=Verb.RESTORE,
        replica=database.primary_id,
        host=host,
        database_epoch=database.epoch,
        params={"restore": str(proof.pk), "source": str(proof.replica_id), "scratch": True},
    )
    request_acts(acts=[order], actor=actor, reason=reason, now=now)


def end_trial(*, proof: Proof, failure: str, detail: str, actor: Actor, now: datetime) -> Proof:
    """What was read back counts; a restore without a canary proves nothing about its rows."""
    end_loan(borrower=proof.pk, actor=actor, reason="The restore test is over.", now=now)
    if not failure:
        try:
            told = msgspec.json.decode(detail, type=RestoreResult)
        except msgspec.MsgspecError:
            failure = "Its agent's word cannot be read."
        else:
            canary = moment_of(told.canary)
            if canary is not None:
                said = f"Backup {told.backup} was restored, started, asked and read back."
                return pass_proof(
                    proof=proof,
                    recoverable_to=canary,
                    bytes_restored=told.size,
                    seconds=told.seconds,
                    said=said,
                    actor=actor,
                    now=now,
                )
            failure = "It was restored and answers, and no canary row is in it."
    return fail_proof(proof=proof, said=failure, actor=actor, now=now)


def void_trial(*, proof: Proof, said: str, actor: Actor, now: datetime) -> Proof:
    """Nothing was learnt about the archive, and nothing is held against it."""
    end_loan(borrower=proof.pk, actor=actor, reason="The restore test is over.", now=now)
    return void_proof(proof=proof, said=said, actor=actor, now=now)
