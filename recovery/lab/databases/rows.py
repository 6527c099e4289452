"""The databases of the lab's file as rows of the inventory. Safe to repeat."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from recovery.audit.facts import Actor
from recovery.core.errors import BadConfiguration, Refused
from recovery.failover.terms import TERMS, Measured, refusals
from recovery.inventory import actions
from recovery.inventory.facts import (
    DatabaseDescription,
    Durability,
    Plan,
    Profile,
    ReplicaState,
    Role,
)
from recovery.inventory.models import Database, Datacenter, Host, Replica
from recovery.lab.databases.entries import DatabaseEntry

REASON = "The lab's file says so."


def register_databases(
    entries: Iterable[DatabaseEntry], ports: Iterable[int], *, actor: Actor, now: datetime
) -> int:
    """Each with its replicas; a database keeps its door at the edge from start to start. How many
    there are."""
    doors = dict(Database.objects.exclude(edge_port=None).values_list("name", "edge_port"))
    free = [port for port in ports if port not in doors.values()]
    count = 0
    for entry in entries:
        door = doors.get(entry.name) or _next(free, entry)
        _register(entry, door, actor=actor, now=now)
        count += 1
    return count


def _next(free: list[int], entry: DatabaseEntry) -> int:
    if not free:
        raise BadConfiguration(
            f"{entry.name} finds no free port at the edge.",
            field="TOCSIN_DATABASE_PORTS",
            todo="Name a longer block, as 8100-8131.",
        )
    return free.pop(0)


def _register(entry: DatabaseEntry, door: int, *, actor: Actor, now: datetime) -> None:
    hosts = {row.name: row for row in Host.objects.filter(name__in=entry.members)}
    first = hosts[entry.members[0]]
    description = _description(entry, door)
    _check_terms(description)
    database = actions.register_database(
        description=description,
        datacenter=Datacenter.objects.get(pk=first.datacenter_id),
        actor=actor,
        reason=REASON,
        now=now,
    )
    moved = _moved(database, entry)
    for number, name in enumerate(entry.members, start=1):
        if number in moved:
            continue
        actions.register_replica(
            database=database,
            host=hosts[name],
            number=number,
            role=Role.PRIMARY if number == 1 else Role.STANDBY,
            may_be_promoted=hosts[name].datacenter_id == first.datacenter_id,
            actor=actor,
            reason=REASON,
            now=now,
        )


def _moved(database: Database, entry: DatabaseEntry) -> frozenset[int]:
    """Copies that people or a restore put elsewhere, or gave up: the file does not take them
    back."""
    there = Replica.objects.filter(database=database).select_related("host")
    described = dict(enumerate(entry.members, start=1))
    return frozenset(
        row.number
        for row in there
        if row.state == ReplicaState.RETIRED
        or (row.reason and row.host.name != described.get(row.number))
    )


def _check_terms(wanted: DatabaseDescription) -> None:
    """The profile's inequalities, before anything is written; starter plans live by no lease."""
    if wanted.plan is Plan.STARTER:
        return
    reasons = refusals(
        TERMS[wanted.profile],
        Measured(accepted_by=wanted.unproven_gaps_by),
        is_asynchronous=wanted.durability is Durability.ASYNCHRONOUS,
        profile=wanted.profile,
    )
    if reasons:
        raise Refused(f"{wanted.name}, {wanted.profile} profile: {' '.join(reasons)}")


def _description(entry: DatabaseEntry, door: int) -> DatabaseDescription:
    unproven = entry.accept_unproven_renewal_gaps
    return DatabaseDescription(
        name=entry.name,
        about=entry.description,
        engine=entry.engine,
        engine_version=entry.version,
        plan=Plan(entry.plan),
        durability=Durability(entry.durability),
        profile=Profile(entry.profile),
        unproven_gaps_by=f"the lab's file: {unproven}"[:120] if unproven else "",
        port=entry.port,
        edge_port=door,
        settings=entry.settings,
    )
