"""What hosts are told of a database's copies, and what they tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from recovery.failover.rounds.memory import Word
from recovery.gateway.databases import databases_of
from recovery.inventory.actions import see_replicas
from recovery.inventory.models import Database, Host, Replica
from tests.actions.restores.ground import Ground


def roles() -> dict[int, str]:
    """What the hosts are told that each copy is."""
    told = databases_of([host.pk for host in Host.objects.all()])
    numbers = {str(row.pk): row.number for row in Replica.objects.all()}
    return {numbers[spec.replica]: spec.role for specs in told.values() for spec in specs}


def gave_up(database: Database) -> dict[str, tuple[str, ...]]:
    """Which restores' data each host may not let serve."""
    told = databases_of([host.pk for host in Host.objects.all()])
    names = {host.pk: host.name for host in Host.objects.all()}
    return {
        names[host]: spec.gave_up
        for host, specs in told.items()
        for spec in specs
        if spec.name == database.name
    }


def see(ground: Ground, number: int, state: str, detail: str = "") -> None:
    """The newest word of an agent about its server, as the leader hears it now."""
    told = {
        "state": state,
        "role": "primary",
        "epoch": ground.database.epoch,
        "is_writable": state == "running",
        "position": 1,
        "version": "",
        "detail": detail,
    }
    row = Replica.objects.get(number=number)
    see_replicas(seen={row.pk: told}, now=ground.now)
    known = ground.leases
    word = Word(count=1, at=known.now, position=1)
    ground.leases = replace(known, words={**known.words, str(row.pk): word})


def fall_silent(ground: Ground, seconds: float) -> None:
    """No agent's word arrives for so long."""
    ground.now += timedelta(seconds=seconds)
    ground.leases = replace(ground.leases, now=ground.leases.now + seconds)
