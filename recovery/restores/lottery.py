"""One turn of the restore lottery: load, decide, act. The leader's; rows say where it is."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Exists, OuterRef, Q

from recovery.audit.facts import Actor
from recovery.backups.facts import ProofState, SnapshotState, StoreKind
from recovery.backups.lottery import Ticket
from recovery.backups.models import BackupReplica, Proof, SnapshotRun
from recovery.backups.queries import tickets
from recovery.core import control
from recovery.core.errors import Conflict, Refused
from recovery.incidents.facts import UNRESOLVED
from recovery.incidents.models import Incident
from recovery.inventory.facts import DatabaseState, ReplicaState
from recovery.inventory.models import Replica
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation
from recovery.operations.queries import about_restore
from recovery.restores import queries
from recovery.restores.actions import trials as actions
from recovery.restores.decide import unlent
from recovery.restores.facts import OrderSight
from recovery.restores.trials import (
    Again,
    Begin,
    Ended,
    Running,
    Trial,
    Void,
    next_turn,
    scratch_host,
)

log = structlog.get_logger()


def draw_lots(*, actor: Actor, now: datetime, draw: float, paused: str = "") -> bool:
    """Take one turn, if one is due; whether anything was written."""
    if not settings.TOCSIN_PROVEN_WITHIN_DAYS:
        return False
    running = Proof.objects.filter(state=ProofState.RUNNING).exclude(replica__database=None)
    proof = running.order_by("begun_at").first()
    trial = _trial(proof, now, paused)
    turn = next_turn(trial, draw)
    try:
        with control.deciding(actor.epoch):
            match turn:
                case Begin():
                    ticket, host = UUID(turn.ticket), UUID(turn.host)
                    actions.begin_trial(
                        replica=ticket, host=host, why=turn.why, actor=actor, now=now
                    )
                case Again() if proof is not None:
                    _again(trial, proof, actor=actor, reason=turn.reason, now=now)
                case Ended() if proof is not None:
                    detail = _told(proof)
                    actions.end_trial(
                        proof=proof, failure=turn.failure, detail=detail, actor=actor, now=now
                    )
                case Void() if proof is not None:
                    actions.void_trial(proof=proof, said=turn.said, actor=actor, now=now)
                case _:
                    return False
    except (Conflict, Refused) as error:
        log.info("not this round", step="restore test", reason=str(error))
        return False
    log.info("restore test", turn=type(turn).__name__)
    return True


def _again(trial: Trial, proof: Proof, *, actor: Actor, reason: str, now: datetime) -> None:
    """Maybe on another host: the first one may be lost."""
    host = scratch_host(trial.hosts, str(proof.replica_id), trial.members)
    if host is None:
        raise Refused("No living host can take it.")
    actions.order_trial(proof=proof, host=UUID(host.key), actor=actor, reason=reason, now=now)


def _trial(proof: Proof | None, now: datetime, paused: str) -> Trial:
    last = Proof.objects.exclude(replica__database=None).order_by("-begun_at").first()
    drawn = () if proof is not None else _tickets()
    wanted = [one.key for one in drawn] or ([str(proof.replica_id)] if proof else [])
    return Trial(
        now=now,
        within=timedelta(days=settings.TOCSIN_PROVEN_WITHIN_DAYS),
        running=_running(proof, now) if proof is not None else None,
        hindered=_hindered(paused),
        last=last.begun_at if last is not None else None,
        tickets=drawn,
        hosts=queries.all_hosts(),
        members=_members(wanted),
        pause=timedelta(seconds=settings.TOCSIN_PROOF_PAUSE),
    )


def _tickets() -> tuple[Ticket, ...]:
    """Of databases that serve; of a provider's snapshots only those that it has."""
    kept = SnapshotRun.objects.filter(replica=OuterRef("pk"), state=SnapshotState.KEPT)
    ours = BackupReplica.objects.filter(database__state=DatabaseState.SERVING)
    ours = ours.filter(~Q(store__kind=StoreKind.SNAPSHOT) | Exists(kept))
    known = {str(pk) for pk in ours.values_list("pk", flat=True)}
    return tuple(one for one in tickets() if one.key in known)


def _hindered(paused: str) -> str:
    if paused:
        return f"Everything is paused: {paused}"
    incident = Incident.objects.filter(state__in=sorted(UNRESOLVED)).first()
    if incident is not None:
        return f"{incident} lasts: restore tests wait for its end."
    running = next(iter(queries.unfinished_restores()), None)
    return f"{running} runs." if running is not None else ""


def _running(proof: Proof, now: datetime) -> Running:
    orders, loan = list(_orders(proof)), queries.loan_of(proof.pk)
    waits, age = unlent(loan), (now - proof.begun_at).total_seconds()
    if not orders:
        return Running(None, 0, float("inf"), waits, age)
    last = orders[-1]
    since = last.ended_at or last.handed_at or last.requested_at
    sight = OrderSight(OperationState(last.state), last.detail, last.held_reason)
    return Running(sight, len(orders), (now - since).total_seconds())


def _orders(proof: Proof) -> list[Operation]:
    return list(about_restore(str(proof.pk)).filter(verb=Verb.RESTORE))


def _told(proof: Proof) -> str:
    """By its agent; nothing where nobody was asked."""
    orders = _orders(proof)
    return orders[-1].detail if orders else ""


def _members(wanted: list[str]) -> frozenset[tuple[str, str]]:
    """(backup replica, host that holds a copy of its database)."""
    of = dict(BackupReplica.objects.filter(pk__in=wanted).values_list("pk", "database"))
    rows = Replica.objects.filter(database__in=of.values()).exclude(state=ReplicaState.RETIRED)
    held = set(rows.values_list("database_id", "host_id"))
    return frozenset(
        (str(key), str(host))
        for key, database in of.items()
        for base, host in held
        if base == database
    )
