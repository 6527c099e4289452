"""What a database that was restored elsewhere left on its old host is told, and where it lies."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dashboard.panels import draw
from dashboard.permissions import Role as Person
from dashboard.screen import Screen
from recovery.core import transitions
from recovery.drp.facts import RunState
from recovery.drp.queries.failback import back_of
from recovery.inventory.models import Database, Host, Replica, WriteGap
from recovery.restores.models import Restore
from recovery.restores.telling import left_on
from tests.actions.drp.hands import test_restoring as restoring
from tests.actions.drp.hands.ground import Product
from tests.support.fleet import BY

pytestmark = pytest.mark.django_db
product = restoring.product


def test_plan_and_host_say_what_lies_where_and_since_when(product: Product) -> None:
    replica = Database.objects.get(name="notes").primary
    assert replica is not None
    assert left_on("par1-r1-h1") == ()
    restoring.begin(product)
    restoring.play(product)
    assert product.run.state == RunState.DONE, product.run.state_reason
    restore = Restore.objects.get()
    switched = restore.steps.get(phase="switch").at
    WriteGap.objects.create(
        database=restore.database,
        last_before=switched - timedelta(minutes=6),
        first_after=switched,
        seconds=360.0,
        after_number=1,
        lost=10,
    )
    (left,) = left_on("par1-r1-h1")
    assert (left.replica, left.restore, left.at) == (str(replica.pk), str(restore), switched)
    assert left.people == "amelie and bruno"
    for part in (
        f"What par1-r1-h1 had of notes was left there when {restore} moved it",
        f"in databases/{replica.pk} of its agent’s state folder, which no agent reads or deletes",
        "Nobody could write for 6 min; 10 acknowledged writes lost.",
        "Whoever needs more exports it there before anybody deletes it.",
    ):
        assert part in left.said
    ((target, reason),) = back_of(product.run.number, out_of="OSU2", into="PAR1").out
    assert target.name == "notes"
    assert left.said.rstrip(".") in reason
    html = draw("host-copies:par1-r1-h1", Screen(Person.VIEWER))
    assert "Left here:" in html
    assert str(replica.pk) in html


def test_on_the_host_that_leads_it_again_nothing_is_left_of_that_restore(product: Product) -> None:
    restoring.begin(product)
    restoring.play(product)
    replica = Replica.objects.get(database__name="notes", state="member")
    back = Host.objects.get(name="par1-r1-h1")
    transitions.amend(
        replica, {"host": back}, action="moved", actor=BY, reason="test", now=product.now
    )
    assert left_on("par1-r1-h1") == (), "it was set aside there, under another name"
