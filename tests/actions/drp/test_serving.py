"""Databases serve by what is seen of them now, not by what their rows said last."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from recovery.core import transitions
from recovery.drp.looking import look
from recovery.drp.queries.people import database_now
from recovery.drp.queries.world import FRESH, world
from recovery.drp.runbooks.kinds import Condition
from recovery.inventory.facts import Verdict
from recovery.inventory.models import Database, Host, ReplicaSight
from tests.actions.drp.ground import Ground
from tests.support.fleet import BY, NOW

pytestmark = pytest.mark.django_db


def hear(database: Database, *, ago: timedelta = timedelta(0), writable: bool = True) -> None:
    ReplicaSight.objects.update_or_create(
        replica=database.primary,
        defaults={
            "at": database_now() - ago, "state": "running", "role": "primary",
            "epoch": database.epoch, "is_writable": writable, "position": 1, "fact": {},
        },
    )  # fmt: skip


def serves(name: str, *, given_up: bool = False) -> bool:
    there = world("PAR1", "OSU2", is_given_up=given_up)
    return next(one.is_serving for one in there.services if one.name == name)


def test_a_database_serves_while_its_primary_is_seen_to_and_no_longer(ground: Ground) -> None:
    row = Database.objects.filter(primary__host__datacenter__name="PAR1").first()
    assert row is not None
    assert row.state == "serving"
    assert not serves(row.name), "its row says so, and nobody was heard"
    hear(row)
    assert serves(row.name)
    assert not serves(row.name, given_up=True), "it stands in what is given up"
    hear(row, ago=FRESH + timedelta(seconds=5))
    assert not serves(row.name), "an old word says nothing of now"
    hear(row, writable=False)
    assert not serves(row.name)
    hear(row)
    host = Host.objects.get(pk=row.primary.host_id)  # type: ignore[union-attr]  # it leads
    with transaction.atomic():
        transitions.move(host, Verdict.LOST, actor=BY, reason="silent", now=NOW)
    assert not serves(row.name), "its host is lost"
    assert row.name in look(Condition.DATABASES_SERVE, world("PAR1", "OSU2")).said
