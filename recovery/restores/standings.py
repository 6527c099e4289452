"""How a database stands, as rows and its agents say."""

from __future__ import annotations

from recovery.failover.models import Failover
from recovery.failover.phases import ENDED, Phase
from recovery.inventory.facts import DatabaseState, Plan, ReplicaState, Verdict
from recovery.inventory.models import Database, Replica, ReplicaSight
from recovery.restores.lost import Member, Standing


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


def standing_of(database: Database) -> Standing:
    """How it stands now."""
    return Standing(
        name=database.name,
        plan=Plan(database.plan),
        state=DatabaseState(database.state),
        leads=leader_of(database) is not None,
        members=members_of(database),
        failover=unfinished_failover(database),
        lead=lead_of(database),
        is_undecided=is_undecided(database),
        is_degraded=database.degraded_at is not None,
    )


def _member(row: Replica, lead: Replica | None) -> Member:
    """A word from before this epoch says nothing of it: it may be another host's."""
    sight: ReplicaSight | None = getattr(row, "sight", None)
    is_heard = sight is not None and sight.epoch >= row.database.epoch
    return Member(
        str(row),
        row.host.name,
        Verdict(row.host.verdict),
        server=sight.state if sight and is_heard else "",
        is_lead=row == lead,
    )


def lead_of(database: Database) -> Member | None:
    """Its primary's copy."""
    return _member(database.primary, database.primary) if database.primary else None


def members_of(database: Database) -> tuple[Member, ...]:
    """Every copy of it that was not given up."""
    rows = Replica.objects.filter(database=database).exclude(state=ReplicaState.RETIRED)
    wanted = rows.select_related("host", "database", "sight").order_by("number")
    lead = leader_of(database)
    return tuple(_member(row, lead) for row in wanted)


def is_undecided(database: Database) -> bool:
    """Its failover has revoked nothing and ordered nobody to lead."""
    row = failover_of(database)
    return row is not None and row.phase == Phase.ANALYSE


def said_of(database: Database) -> str:
    """The newest word of the agent of who leads, about what is in its way."""
    row = ReplicaSight.objects.filter(replica=database.primary_id).first()
    return str(row.fact.get("detail", "")).rstrip(".") if row else ""
