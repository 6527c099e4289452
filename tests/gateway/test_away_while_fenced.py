"""A host that was away while its datacenter was fenced is told by its list when it comes back."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.failover.actions.epochs import raise_epoch
from recovery.failover.actions.fences import Cause, lift_fence, raise_fence
from recovery.gateway.databases import specs_of
from recovery.inventory.facts import DatabaseState, Role
from recovery.inventory.models import Datacenter, Replica
from tests.actions.failover.fleet import Pair, copy, make_pair
from tests.support.fleet import BY, NOW

pytestmark = pytest.mark.django_db


def lead_elsewhere(pair: Pair, elsewhere: Replica, after: timedelta) -> None:
    pair.database.refresh_from_db()
    raise_epoch(
        database=pair.database, replica=elsewhere, state=DatabaseState.SERVING, changes={},
        actor=BY, reason="test", now=NOW + after,
    )  # fmt: skip


def test_its_list_says_below_which_epoch_its_copy_is_compared_first() -> None:
    """Only of its own datacenter, and of the epochs that began before the fence was lifted."""
    pair = make_pair()
    elsewhere = copy(pair.database, pair.hosts["osu2-r1-h1"], 3, Role.STANDBY)
    rows = (*pair.replicas, elsewhere)
    transitions.move(pair.database, DatabaseState.SERVING, actor=BY, reason="test", now=NOW)
    assert {one.checked_below for one in specs_of([pair.database.pk]).values()} == {0}
    site = Datacenter.objects.get(name="PAR1")
    cause = Cause("r/fence/PAR1/1", uuid4(), "DRP-0001", "fence", "amelie")
    raise_fence(datacenter=site.pk, cause=cause, actor=BY, reason="It burns.", now=NOW)
    lead_elsewhere(pair, elsewhere, timedelta(seconds=10))
    assert {one.checked_below for one in specs_of([pair.database.pk]).values()} == {0}
    lift_fence(
        datacenter="PAR1",
        actor=Actor("person", "chloe"),
        reason="By hand.",
        now=NOW + timedelta(seconds=20),
    )
    lead_elsewhere(pair, elsewhere, timedelta(seconds=30))
    told = specs_of([pair.database.pk])
    below = {str(row): told[row.pk].checked_below for row in rows}
    assert [below[str(row)] for row in rows] == [2, 2, 0]
    assert {one.epoch for one in told.values()} == {3}
