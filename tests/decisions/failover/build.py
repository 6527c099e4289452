"""A business database with a standby, ready to be hurt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from recovery.core.leases import LeaseRow
from recovery.failover.decide import next_step
from recovery.failover.facts import (
    Act,
    Answer,
    Asked,
    Database,
    Facts,
    Failover,
    OrderSight,
    Proof,
    ProofKind,
    ReplicaSight,
    Standby,
    Step,
)
from recovery.failover.phases import FailoverKind, Phase
from recovery.failover.policy import Policy
from recovery.failover.terms import FAST
from recovery.failover.watch import LeaseWatch
from recovery.inventory.facts import Durability, Plan, Role
from recovery.operations.facts import OperationState

POLICY = Policy()
RENEWED = 1000.0
"""When the decider first saw the newest renewal."""
ENDED = RENEWED + FAST.span
WRITTEN = 5000


def database(**changes: Any) -> Database:
    plain = Database("db", "orders", Plan.BUSINESS, Durability.SYNCHRONOUS, epoch=3, primary="a")
    return replace(plain, **changes)


def primary(**changes: Any) -> ReplicaSight:
    plain = ReplicaSight(
        "a",
        "orders-1",
        host="host-a",
        datacenter="OSU",
        domains=frozenset({"OSU/r1"}),
        host_name="osu-1",
        role=Role.PRIMARY,
        age=0.5,
        server="running",
        epoch=3,
        is_writable=True,
        system="7",
        timeline=1,
        version="18.6",
        position=WRITTEN,
        gate="open",
        standbys=(Standby("b", WRITTEN, is_streaming=True, is_synchronous=True),),
    )
    return replace(plain, **changes)


def standby(**changes: Any) -> ReplicaSight:
    plain = ReplicaSight(
        "b",
        "orders-2",
        host="host-b",
        datacenter="OSU",
        domains=frozenset({"OSU/r2"}),
        role=Role.STANDBY,
        age=0.5,
        server="running",
        epoch=3,
        system="7",
        timeline=1,
        version="18.6",
        position=WRITTEN,
        lag=0.0,
        follows="a",
        healthy_for=300.0,
    )
    return replace(plain, **changes)


def watch(**changes: Any) -> LeaseWatch:
    row = LeaseRow("a", epoch=3, incarnation=1, sequence=40, echo=39, position=WRITTEN)
    return LeaseWatch.begin(replace(row, **changes), FAST, RENEWED)


def facts(*replicas: ReplicaSight, **changes: Any) -> Facts:
    """All is well, unless told otherwise."""
    plain = Facts(
        database(),
        replicas or (primary(), standby()),
        watch(),
        routed_epoch=3,
        written_epoch=3,
        written_age=0.1,
        protected_for=100.0,
        restart_seconds=12.0,
        failover_seconds=6.0,
    )
    return replace(plain, **changes)


def lost(*replicas: ReplicaSight, **changes: Any) -> Facts:
    """The primary's host has been silent since its last word and renewal."""
    return facts(*(replicas or (primary(age=6.5), standby())), **changes)


def failover(phase: Phase = Phase.ANALYSE, **changes: Any) -> Failover:
    plain = Failover(FailoverKind.FAILOVER, phase, source="a", old_epoch=3)
    return replace(plain, **changes)


def answered(**changes: Any) -> Asked:
    return replace(Asked("b", age=0.3, promised_for=0.0, position=WRITTEN, timeline=1), **changes)


def order(verb: str, replica: str, state: str, **changes: Any) -> OrderSight:
    plain = OrderSight(verb, replica, OperationState(state), operation=f"op-{verb}", age=0.4)
    return replace(plain, **changes)


LEASE_PROOF = Proof(ProofKind.LEASE_ENDED, "a", 3, "Its lease ended.", sequence=40)


def decide(known: Facts, now: float = ENDED - 1.0) -> Answer:
    return next_step(known, POLICY, now)


def act(answer: Answer) -> Act | None:
    return answer.act if isinstance(answer, Step) else None
