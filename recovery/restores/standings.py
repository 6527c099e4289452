"""How a database stands, as rows and its agents say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from recovery.failover.models import Failover
from recovery.failover.phases import ENDED, Phase
from recovery.failover.policy import Policy
from recovery.inventory.facts import DatabaseState, Plan, ReplicaState, Verdict
from recovery.inventory.models import Database, Replica, ReplicaSight
from recovery.restores.lost import Member, Standing

HEARD_WITHIN = Policy().heard_within
Hearing = Callable[[ReplicaSight], bool]
"""Whether this word of an agent is of now."""


def heard_at(now: datetime) -> Hearing:
    """By the time that is written in it: for pages, and for people's words, after which the leader
    asks its own clock (`Leases.hears`). One from the future is as good as none."""
    return lambda sight: abs((now - sight.at).total_seconds()) <= HEARD_WITHIN


def failover_of(database: Database) -> Failover | None:
    """Its unfinished one."""
    rows = Failover.objects.filter(database=database).exclude(phase__in=ENDED)
    return rows.select_related("source__host").first()


def unfinished_failover(database: Database) -> str:
    """Its name, or nothing."""
    row = failover_of(database)
    return f"{row}, a {row.kind}" if row else ""


def leader_of(database: Database) -> Replica | None:
    """Who led it last: between a revocation and its successor it has no primary."""
    if database.primary is not None:
        return database.primary
    running = failover_of(database)
    return running.source if running else None


def standing_of(database: Database, hears: Hearing) -> Standing:
    """How it stands now."""
    return Standing(
        name=database.name,
        plan=Plan(database.plan),
        state=DatabaseState(database.state),
        leads=leader_of(database) is not None,
        members=members_of(database, hears),
        failover=unfinished_failover(database),
        lead=lead_of(database, hears),
        is_undecided=is_undecided(database),
        is_degraded=database.degraded_at is not None,
    )


def _member(row: Replica, lead: Replica | None, hears: Hearing) -> Member:
    """A word from before this epoch says nothing of it: it may be another host's."""
    sight: ReplicaSight | None = getattr(row, "sight", None)
    told = sight if sight is not None and sight.epoch >= row.database.epoch else None
    return Member(
        str(row),
        row.host.name,
        Verdict(row.host.verdict),
        server=told.state if told else "",
        is_lead=row == lead,
        is_heard=told is not None and hears(told),
    )


def lead_of(database: Database, hears: Hearing) -> Member | None:
    """Its primary's copy."""
    return _member(database.primary, database.primary, hears) if database.primary else None


def members_of(database: Database, hears: Hearing) -> tuple[Member, ...]:
    """Every copy of it that was not given up."""
    rows = Replica.objects.filter(database=database).exclude(state=ReplicaState.RETIRED)
    wanted = rows.select_related("host", "database", "sight").order_by("number")
    lead = leader_of(database)
    return tuple(_member(row, lead, hears) for row in wanted)


def hosts_of(database: Database) -> list[str]:
    """Where its copies are, by name."""
    rows = Replica.objects.filter(database=database).exclude(state=ReplicaState.RETIRED)
    return list(rows.order_by("number").values_list("host__name", flat=True))


def is_undecided(database: Database) -> bool:
    """Its failover has revoked nothing and ordered nobody to lead."""
    row = failover_of(database)
    return row is not None and row.phase == Phase.ANALYSE


def said_of(database: Database) -> str:
    """The newest word of the agent of who leads, about what is in its way."""
    row = ReplicaSight.objects.filter(replica=database.primary_id).first()
    return str(row.fact.get("detail", "")).rstrip(".") if row else ""
