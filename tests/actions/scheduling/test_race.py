"""Two controllers at once, on connections of their own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from django.db import IntegrityError, connection

from recovery.audit.facts import Actor
from recovery.core.errors import NotLeader
from recovery.inventory.models import Placement
from recovery.operations.models import Operation
from recovery.scheduling.cycle import reschedule
from tests.actions.scheduling.fleet import NOW, application, hosts, lead
from tests.support.databases import Database


def test_two_controllers_that_race_place_each_container_once(fresh_database: Database) -> None:
    hosts("a", "b", "c")
    application("shop", 3)
    old = lead("c1")
    new = lead("c2")

    def run(actor: Actor) -> str:
        try:
            reschedule(actor=actor, now=NOW)
        except (NotLeader, IntegrityError) as refused:
            return type(refused).__name__
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(4) as pool:
        told = sorted(pool.map(run, [old, new, old, new]))
    assert told.count("NotLeader") == 2
    assert told.count("done") >= 1
    assert Placement.objects.count() == 3
    assert Operation.objects.count() == 3
