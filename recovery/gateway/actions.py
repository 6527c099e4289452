"""What agents tell, written into rows: enrolment, reports, outcomes.

Invariant (A3): a report changes only seats that exist on the reporting host, with the very
generation that the row has. Everything else in it is counted and changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import transaction

from recovery.audit.facts import Actor
from recovery.backups.actions import hear_archivers
from recovery.core import transitions, wire
from recovery.failover.queries import fenced_hosts
from recovery.gateway.models import HeartbeatKey
from recovery.gateway.older import as_told
from recovery.inventory.actions import enrol_host, see_replicas
from recovery.inventory.facts import (
    DESIRED,
    PLACEMENT_MOVES,
    PlacementState,
    ReplicaState,
)
from recovery.inventory.models import Host, Placement, Replica
from recovery.operations.actions import record_outcome
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation
from recovery.restores.actions import hear_restores

ENDED = (PlacementState.STOPPED, PlacementState.FAILED)


@dataclass(frozen=True, slots=True)
class Reported:
    """What came of a host's report: seats that changed, and containers nobody knows."""

    changed: int
    strangers: tuple[str, ...]
    is_clean: bool


def enrol(*, name: str, token: str, public_key: str, heartbeat_key: bytes, now: datetime) -> Host:
    """A host with a good token gets its identity and its heartbeat key, in one transaction."""
    with transaction.atomic():
        host = enrol_host(name=name, token=token, public_key=public_key, now=now)
        sealed = HeartbeatKey.sealed(host.pk, heartbeat_key)
        HeartbeatKey.objects.update_or_create(host=host, defaults={"sealed_secret": sealed})
    return host


def record_report(*, host: UUID, report: wire.Report, now: datetime) -> Reported:
    """Move the host's seats to what its agent sees. A full report also tells what is missing."""
    actor = Actor("agent", host.hex)
    facts = {fact.placement: fact for fact in report.containers}
    with transaction.atomic():
        seats = {
            str(seat.pk): seat
            for seat in Placement.objects.filter(host=host).exclude(state__in=ENDED)
        }
        changes = _changes(seats, facts, full=report.full, now=now)
        moved = _move_all(changes, actor=actor, now=now)
        if report.full:
            _settle_unknown(host, facts, actor=actor, now=now)
    running = [fact for fact in report.containers if fact.state not in ENDED]
    strangers = tuple(f.container for f in running if not _is_known(seats, f))
    unwanted = any(f.placement not in seats or not _is_desired(seats[f.placement]) for f in running)
    return Reported(moved, strangers, is_clean=report.full and not unwanted)


def _is_known(seats: Mapping[str, Placement], fact: wire.ContainerFact) -> bool:
    seat = seats.get(fact.placement)
    return seat is not None and seat.generation == fact.generation


def _is_desired(seat: Placement) -> bool:
    return seat.state in DESIRED


def _changes(
    seats: Mapping[str, Placement],
    facts: Mapping[str, wire.ContainerFact],
    *,
    full: bool,
    now: datetime,
) -> dict[str, dict[UUID, dict[str, object]]]:
    """New state → seat → fields, for every seat that the report speaks of."""
    changes: dict[str, dict[UUID, dict[str, object]]] = defaultdict(dict)
    for key, seat in seats.items():
        fact = facts.get(key)
        if fact is None and not full:
            continue
        if fact is not None and fact.generation != seat.generation:
            continue
        told = _told(seat, fact, now)
        if told and told[0] in PLACEMENT_MOVES[seat.state]:
            changes[told[0]][seat.pk] = told[1]
    return changes


def _told(
    seat: Placement, fact: wire.ContainerFact | None, now: datetime
) -> tuple[str, dict[str, object]] | None:
    """The state that the agent's word means for this seat, with the fields that go with it."""
    state = "absent" if fact is None else fact.state
    detail: dict[str, object] = {"detail": fact.detail if fact else "Not on the host any more."}
    if seat.state in {PlacementState.LOST, PlacementState.STOPPING}:
        gone = state in {"absent", *ENDED}
        return (PlacementState.STOPPED, {**detail, "ended_at": now}) if gone else None
    match state:
        case "running":
            return PlacementState.RUNNING, {**detail, "running_at": now}
        case "failed":
            return PlacementState.FAILED, {**detail, "ended_at": now}
        case "sick":
            return PlacementState.SICK, detail
        case "absent" | "stopped" if seat.state == PlacementState.RUNNING:
            return PlacementState.SICK, detail
    return None


def _move_all(
    changes: Mapping[str, Mapping[UUID, dict[str, object]]], *, actor: Actor, now: datetime
) -> int:
    moved = 0
    for to, fields in changes.items():
        moved += len(
            transitions.move_many(
                Placement, fields, to, actor=actor, reason="Seen by the agent.", now=now
            )
        )
    return moved


def _settle_unknown(
    host: UUID, facts: Mapping[str, wire.ContainerFact], *, actor: Actor, now: datetime
) -> None:
    """An outcome that nobody knew is observed now (B8)."""
    for op in Operation.objects.filter(
        host=host, placement__isnull=False, state=OperationState.UNKNOWN
    ):
        fact = facts.get(str(op.placement_id))
        runs = fact is not None and fact.state in {"running", "starting", "sick"}
        did = runs if op.verb == Verb.START else not runs
        record_outcome(
            operation=op.pk,
            state=OperationState.DONE if did else OperationState.FAILED,
            detail="Observed after the host came back.",
            actor=actor,
            now=now,
        )


def record_outcomes(*, host: UUID, outcomes: Sequence[wire.Outcome], now: datetime) -> int:
    """Write what the agent says of its own operations; others' are not touched (A3)."""
    actor = Actor("agent", host.hex)
    told = {outcome.operation: outcome for outcome in outcomes if _is_uuid(outcome.operation)}
    own = Operation.objects.filter(pk__in=[UUID(key) for key in told], host=host)
    written = 0
    for pk, verb, params, version in own.values_list("pk", "verb", "params", "host__agent_version"):
        outcome = as_told(told[str(pk)], verb=verb, params=params, version=version)
        written += len(
            record_outcome(
                operation=pk,
                state=OperationState(outcome.state),
                detail=outcome.detail,
                receipt=outcome.receipt,
                actor=actor,
                now=now,
            )
        )
    return written


@dataclass(frozen=True, slots=True)
class Sights:
    """What came of a host's word about its databases: replicas that are not its own, and
    whether its agent knows an older epoch than the rows, so that it has to be told again."""

    foreign: tuple[str, ...]
    outdated: bool


def record_sights(*, host: UUID, report: wire.DatabaseReport, now: datetime) -> Sights:
    """Write what the agent sees of its own servers; what it says of others' has no effect (A3)."""
    told = {fact.replica: fact for fact in report.replicas}
    own = {
        str(pk): epoch
        for pk, epoch in Replica.objects.filter(host=host)
        .exclude(state=ReplicaState.RETIRED)
        .values_list("pk", "database__epoch")
    }
    good = {key: fact for key, fact in told.items() if key in own}
    see_replicas(seen={UUID(key): msgspec.to_builtins(fact) for key, fact in good.items()}, now=now)
    hear_archivers(host=host, facts=report.backups, now=now)
    hear_restores(host=host, facts=report.restores, now=now)
    outdated = any(fact.epoch < own[key] for key, fact in good.items())
    return Sights(tuple(key for key in told if key not in own), outdated)


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def release_quarantine(*, host: UUID, now: datetime) -> bool:
    """The host runs nothing that it should not: it may take part again, unless its datacenter is
    fenced. Whether it was released."""
    if fenced_hosts([host]):
        return False
    transitions.amend_many(
        Host,
        {host: {"quarantined_at": None, "quarantine_reason": ""}},
        action="quarantine released",
        actor=Actor("gateway", "quarantine"),
        reason="Its full report holds nothing that should not run there.",
        now=now,
        only={"quarantined_at__isnull": False},
    )
    return True
