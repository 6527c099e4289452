"""Databases in rows for tests of the screens: serving, failing over, waiting, being made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from recovery.core import transitions
from recovery.failover.models import Failover, Lease
from recovery.failover.phases import FailoverKind, Phase
from recovery.inventory import actions
from recovery.inventory.actions import EndedGap, WriteSight
from recovery.inventory.facts import (
    DatabaseDescription,
    DatabaseState,
    Durability,
    Plan,
    Profile,
    Role,
)
from recovery.inventory.models import Database, Host, Replica
from tests.dashboard.fleet import BY, CONTROLLER

MEMBERS = {
    "orders-pg": ("par1-r1-h01", "par1-r2-h01"),
    "crm-pg": ("par1-r2-h02", "par1-r1-h03"),
    "sessions-valkey": ("osu2-r1-h01", "osu2-r2-h01"),
    "wiki-pg": ("mrs1-r1-h01",),
    "fresh-pg": ("mrs1-r2-h01", "mrs1-r1-h03"),
}


QUOTES: Mapping[str, Mapping[str, object]] = {
    Durability.SYNCHRONOUS: {
        "said": "nothing that was acknowledged is lost.",
        "seconds": 0.0,
        "bound": 0.0,
    },
    Durability.ASYNCHRONOUS: {
        "said": "it holds all that its primary told of, so most likely nothing is lost; at most the"
        " writes of the last 8.5 s, if its primary wrote on unseen.",
        "seconds": 0.0,
        "bound": 8.5,
    },
}


@dataclass(frozen=True, slots=True)
class Base:
    """A database with its replicas, the first primary first."""

    row: Database
    replicas: tuple[Replica, ...]


def seed_database(
    name: str,
    on: list[Host],
    now: datetime,
    *,
    engine: str = "postgresql",
    durability: Durability = Durability.ASYNCHRONOUS,
    port: int = 15432,
) -> Base:
    """As the lab's file would describe it: a starter where one host is named."""
    plan = Plan.STARTER if len(on) == 1 else Plan.BUSINESS
    row = actions.register_database(
        description=DatabaseDescription(
            name=name,
            about=f"What {name} is for.",
            engine=engine,
            engine_version="18" if engine == "postgresql" else "9",
            plan=plan,
            durability=durability,
            profile=Profile.FAST if plan is Plan.BUSINESS else Profile.STANDARD,
            unproven_gaps_by="a test",
            port=port,
            edge_port=port - 7000,
        ),
        datacenter=on[0].datacenter,
        actor=BY,
        reason="Seed.",
        now=now,
    )
    replicas = tuple(
        actions.register_replica(
            database=row,
            host=host,
            number=number,
            role=Role.PRIMARY if number == 1 else Role.STANDBY,
            actor=BY,
            reason="Seed.",
            now=now,
        )
        for number, host in enumerate(on, start=1)
    )
    row.refresh_from_db()
    return Base(row, replicas)


def see(
    base: Base,
    now: datetime,
    *,
    is_streaming: bool = True,
    lag_ms: int = 40,
    healthy_ms: int = 90_000,
) -> None:
    """What their agents say while all is well; `is_streaming` False: no standby follows."""
    first, *others = base.replicas
    is_synchronous = base.row.durability == Durability.SYNCHRONOUS
    standbys = [
        {
            "replica": str(one.pk),
            "position": 50_331_648,
            "is_streaming": is_streaming,
            "is_synchronous": is_synchronous,
        }
        for one in others
    ]
    gate = "open" if others else "none"
    leads = _fact("primary", position=50_331_704, gate=gate, standbys=standbys, is_writable=True)
    follows = _fact(
        "standby", position=50_331_648, lag_ms=lag_ms, follows=str(first.pk), healthy_ms=healthy_ms
    )
    actions.see_replicas(seen={first.pk: leads} | {one.pk: follows for one in others}, now=now)


def _fact(role: str, **more: object) -> Mapping[str, object]:
    return {
        "state": "running",
        "role": role,
        "epoch": 1,
        "is_writable": False,
        "timeline": 1,
        "system": "7311",
        "version": "18.6",
        "lag_ms": -1,
        "follows": "",
        "healthy_ms": 90_000,
        "standbys": [],
        "gate": "closed",
        "gate_kind": "watchdog",
        "promised_ms": 0,
        "settings": {"max_standby_streaming_delay": 0.0},
        **more,
    }


def serve(base: Base, now: datetime, *, acknowledged: int = 4711) -> None:
    """It serves, holds its lease, and its users' writes are acknowledged."""
    transitions.move(
        base.row,
        DatabaseState.SERVING,
        actor=CONTROLLER,
        reason="Its first primary answers.",
        now=now,
        changes={"state_at": now, "state_reason": "Its first primary answers."},
    )
    if len(base.replicas) > 1:
        lease = Lease(
            database=base.row,
            replica=base.replicas[0],
            epoch=base.row.epoch,
            incarnation=1,
            sequence=1,
            granted_at=now,
        )
        transitions.create([lease], actor=CONTROLLER, reason="Seed.", now=now)
    see(base, now)
    write(base, now, acknowledged=acknowledged)


def write(
    base: Base,
    now: datetime,
    *,
    acknowledged: int = 4711,
    failing_since: datetime | None = None,
) -> None:
    """What the user who writes all the time says."""
    sight = WriteSight(
        database=base.row.pk,
        acknowledged=acknowledged,
        last_ack_at=failing_since or now,
        gap_ms=112.4,
        failing_since=failing_since,
        last_error="no answer within 2 s" if failing_since else "",
        lost=0,
    )
    actions.note_writes(sights=[sight], now=now)


def fail_over(base: Base, now: datetime, *, upto: Phase = Phase.PROMOTE) -> Failover:
    """A failover as far as this phase: `DONE` is whole, with the users' gap."""
    began = now - timedelta(seconds=7)
    source, target = base.replicas[0], base.replicas[1]
    instants = {
        "analysed_at": began + timedelta(seconds=0.2),
        "fenced_at": began + timedelta(seconds=5.1),
        "elected_at": began + timedelta(seconds=5.2),
    }
    chosen: dict[str, object] = {
        "target": target,
        "new_epoch": 2,
        "proof": {"kind": "lease-ended", "said": "Its lease ended 6.03 s after its last renewal."},
        "candidates": [{"replica": str(source.pk), "reason": "its host is lost."}],
        "loss": QUOTES[base.row.durability],
    }
    if upto is Phase.ANALYSE:
        instants, chosen = {}, {}
    if upto is Phase.DONE:
        instants |= {
            "promoted_at": began + timedelta(seconds=5.6),
            "repointed_at": began + timedelta(seconds=5.7),
            "redirected_at": began + timedelta(seconds=6.1),
            "verified_at": began + timedelta(seconds=6.6),
            "ended_at": now,
        }
    row = Failover(
        number=Failover.objects.count() + 1,
        database=base.row,
        kind=FailoverKind.FAILOVER,
        phase=upto,
        cause=f"Host {source.host} is lost; nobody renews the lease.",
        waiting_for="" if upto is Phase.DONE else f"{target.host} to say that it is primary.",
        old_epoch=1,
        source=source,
        host=source.host,
        happened_at=began - timedelta(seconds=1.2),
        began_at=began,
        **instants,
        **chosen,
    )
    transitions.create([row], actor=CONTROLLER, reason="Seed.", now=now)
    if upto is Phase.DONE:
        gap = EndedGap(
            database=base.row.pk,
            last_before=row.happened_at,
            first_after=began + timedelta(seconds=6.3),
            seconds=7.5,
            after_number=4711,
            lost=(),
            error="no answer within 2 s",
        )
        actions.keep_gaps(gaps=[gap])
    else:
        _put(base, DatabaseState.FAILING_OVER, row.cause, now)
        write(base, now, failing_since=row.happened_at)
    return row


def wait(base: Base, reason: str, now: datetime) -> None:
    """A starter database whose host is gone."""
    _put(base, DatabaseState.WAITING, reason, now)
    write(base, now, failing_since=now)


def _put(base: Base, state: DatabaseState, reason: str, now: datetime) -> None:
    transitions.move(
        base.row,
        state,
        actor=CONTROLLER,
        reason=reason,
        now=now,
        changes={"state_at": now, "state_reason": reason},
    )


def seed_bases(hosts: dict[str, Host], now: datetime) -> dict[str, Base]:
    """One of each kind, as `MEMBERS` says: all of them serve, but fresh-pg is being made."""
    made = {}
    for number, (name, members) in enumerate(MEMBERS.items()):
        is_valkey = name.endswith("valkey")
        made[name] = seed_database(
            name,
            [hosts[member] for member in members],
            now,
            engine="valkey" if is_valkey else "postgresql",
            durability=(Durability.SYNCHRONOUS if name == "orders-pg" else Durability.ASYNCHRONOUS),
            port=15432 + number,
        )
        if name != "fresh-pg":
            serve(made[name], now)
    return made
