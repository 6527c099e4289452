"""A business database that leads alone is given a standby, where that is possible."""

from __future__ import annotations

import pytest

from recovery.core import transitions
from recovery.core.errors import Refused
from recovery.failover.actions import standbys
from recovery.failover.actions.standing import resume_database
from recovery.gateway.databases import databases_of
from recovery.inventory import actions as inventory
from recovery.inventory.facts import Durability, Plan, Profile, Role
from recovery.inventory.models import Database, Host, Replica
from tests.actions.failover.fleet import copy, describe
from tests.support.fleet import BY, NOW, lose, make_fleet

pytestmark = pytest.mark.django_db


@pytest.fixture
def alone() -> Database:
    """`orders` serves on par1-r1-h1; its standby was given up."""
    hosts = make_fleet().hosts
    database = describe("orders")
    copy(database, hosts["par1-r1-h1"], 1, Role.PRIMARY)
    lost = copy(database, hosts["par1-r2-h1"], 2, Role.STANDBY)
    database.refresh_from_db()
    resume_database(database=database, actor=BY, reason="It serves.", now=NOW)
    inventory.retire_replica(replica=lost, actor=BY, reason="It burnt.", now=NOW)
    return Database.objects.get()


def add(database: Database, host: str) -> Replica:
    return standbys.add_standby(
        database=database,
        host=Host.objects.get(name=host),
        actor=BY,
        reason="It leads alone.",
        now=NOW,
    )


def test_it_is_told_to_clone_and_takes_a_number_of_its_own(alone: Database) -> None:
    assert standbys.seats_for("orders") == ["par1-r2-h1"]
    made = add(alone, "par1-r2-h1")
    assert (made.number, made.role) == (3, Role.STANDBY)
    (spec,) = databases_of([made.host_id])[made.host_id]
    assert (spec.role, len(spec.members)) == ("standby", 2)


def test_a_host_that_cannot_take_it_is_refused_with_its_reason(alone: Database) -> None:
    with pytest.raises(Refused, match="par1-r1-h1 has its primary"):
        add(alone, "par1-r1-h1")
    with pytest.raises(Refused, match="osu2-r1-h1 is not in PAR1"):
        add(alone, "osu2-r1-h1")
    other = Host.objects.get(name="par1-r2-h1")
    taker = describe("crm", port=alone.port)
    copy(taker, other, 1, Role.PRIMARY)
    with pytest.raises(Refused, match="is taken by crm-1"):
        add(alone, "par1-r2-h1")
    now = {"cordoned_at": NOW}
    transitions.amend(other, now, action="cordoned", actor=BY, reason="x", now=NOW)
    with pytest.raises(Refused, match="par1-r2-h1 is cordoned"):
        add(alone, "par1-r2-h1")
    lose(other)
    with pytest.raises(Refused, match="par1-r2-h1 is lost"):
        add(alone, "par1-r2-h1")
    assert standbys.seats_for("orders") == []


def test_who_has_one_waits_or_is_a_starter_gets_none(alone: Database) -> None:
    made = add(alone, "par1-r2-h1")
    with pytest.raises(Refused, match="orders has orders-3 on par1-r2-h1 already"):
        add(alone, "par1-r2-h1")
    inventory.retire_replica(replica=made, actor=BY, reason="No.", now=NOW)
    starter = describe(
        "wiki", plan=Plan.STARTER, durability=Durability.ASYNCHRONOUS, profile=Profile.STANDARD
    )
    with pytest.raises(Refused, match="wiki is on the starter plan"):
        add(starter, "par1-r2-h1")
    new = describe("fresh")
    with pytest.raises(Refused, match="fresh is making"):
        add(new, "par1-r2-h1")
