"""A round's reads are so many for eight primaries as for a hundred and fifty."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from recovery.audit.facts import Actor
from recovery.core import control, transitions
from recovery.drp.hands.bench import Bench
from recovery.drp.hands.fencing import AT_ONCE, Fencing
from recovery.drp.models import Run
from recovery.drp.queries.inventory import inventory
from recovery.drp.queries.once import one_look
from recovery.drp.queries.world import world
from recovery.drp.sights import Do, Heard, Order
from recovery.failover.actions.fences import Cause, raise_fence
from recovery.inventory.facts import Role
from recovery.inventory.models import Database, Host, Replica
from recovery.operations.models import Operation
from tests.actions.failover.fleet import copy, describe
from tests.decisions.drp.steps import plan, step
from tests.support.fleet import BY, NOW, make_fleet

pytestmark = pytest.mark.django_db
FEW, MANY = AT_ONCE, 150


def databases(hosts: dict[str, Host], n: int) -> None:
    """So many more, each with a primary in PAR1, a standby in OSU2, and a lease; like the first."""
    if not Database.objects.exists():
        first = describe("first", port=15000)
        copy(first, hosts["par1-r1-h1"], 1, Role.PRIMARY)
        copy(first, hosts["osu2-r1-h1"], 2, Role.STANDBY)
    first = Database.objects.get(name="first")
    there = Database.objects.count()
    rows = [_like(first, number) for number in range(there, n)]
    transitions.create(rows, actor=BY, reason="test", now=NOW)
    primaries = [_replica(row, hosts["par1-r1-h1"], 1, Role.PRIMARY) for row in rows]
    standbys = [_replica(row, hosts["osu2-r1-h1"], 2, Role.STANDBY) for row in rows]
    transitions.create([*primaries, *standbys], actor=BY, reason="test", now=NOW)
    led = {row.pk: {"primary": one} for row, one in zip(rows, primaries, strict=True)}
    transitions.amend_many(Database, led, action="led", actor=BY, reason="test", now=NOW)


def _like(first: Database, number: int) -> Database:
    kept = {field.attname: getattr(first, field.attname) for field in Database._meta.fields}
    changed = {"id": uuid4(), "name": f"db{number}", "port": 15000 + number, "primary_id": None}
    return Database(**kept | changed | {"version": 1, "edge_port": None})


def _replica(database: Database, host: Host, number: int, role: Role) -> Replica:
    first = Replica.objects.get(database__name="first", number=number)
    kept = {field.attname: getattr(first, field.attname) for field in Replica._meta.fields}
    changed = {"id": uuid4(), "database_id": database.pk, "port": database.port, "version": 1}
    return Replica(**kept | changed | {"host_id": host.pk})


def test_a_look_at_a_fence_and_what_a_round_reads_are_so_many_statements_for_any_number() -> None:
    hosts = make_fleet().hosts
    epoch = control.take_lead("test", seen_epoch=0, now=NOW) or 0
    actor = Actor("controller", "test", epoch)
    run = Run(number=1, requested_by="amelie", request_reason="PAR1 burns.")
    site = hosts["par1-r1-h1"].datacenter
    databases(hosts, FEW)
    cause = Cause("key", run.pk, str(run), "fence", "amelie")
    raise_fence(datacenter=site.pk, cause=cause, actor=actor, reason="It burns.", now=NOW)
    bench = Bench(run, plan(step()), lambda _: world("PAR1", "OSU2"), actor, NOW, lambda: 0.0)
    few = asked(bench)
    databases(hosts, MANY)
    many = asked(bench)
    assert Database.objects.filter(primary__host__datacenter=site).count() == MANY
    assert many[0] <= few[0] <= 70, "the inventory and the world"
    assert many[1] <= few[1] <= 100, "the fence, and as many orders as go into one look"
    orders = Operation.objects.filter(verb="fence")
    assert orders.count() == 2 * AT_ONCE
    gone = {
        pk: {"ended_at": NOW - timedelta(minutes=1)} for pk in orders.values_list("pk", flat=True)
    }
    transitions.move_many(Operation, gone, "withdrawn", actor=BY, reason="test", now=NOW)
    asked(bench)
    told = orders.values_list("replica", flat=True).distinct().count()
    assert told == 3 * AT_ONCE, "who was never asked comes before who is asked again"


def asked(bench: Bench) -> tuple[int, int]:
    """Statements of what is read, and of a look at the fence."""
    with one_look():
        with CaptureQueriesContext(connection) as read:
            for _ in range(3):
                inventory()
                world("PAR1", "OSU2")
                world("PAR1", "OSU2", only=frozenset({"database:x"}))
        with CaptureQueriesContext(connection) as seen:
            outcome = Fencing(bench).look(Order(Do.LOOK, "", "fence", "key"))
    assert outcome.heard is Heard.UNDER_WAY
    return len(read), len(seen)
