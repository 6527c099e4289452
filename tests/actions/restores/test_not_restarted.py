"""Where a database was moved to, nothing is restarted that has never served there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recovery.failover.cycle import Watch, watch_databases
from recovery.failover.facts import Around
from recovery.failover.models import Failover
from recovery.inventory.actions import see_replicas
from recovery.inventory.actions.writes import EndedGap, keep_gaps
from recovery.inventory.facts import DatabaseState
from recovery.operations.facts import OperationState, Verb
from recovery.restores.screens import restores
from tests.actions.restores.ground import Ground, make_ground

pytestmark = pytest.mark.django_db


@pytest.fixture
def ground() -> Ground:
    return make_ground()


def test_what_has_not_served_there_yet_is_not_restarted_and_the_loss_is_the_restores(
    ground: Ground,
) -> None:
    """A restart "began" seven seconds before the restore was over; the loss stood on its record."""
    ground.begin()
    ground.carry_on()
    ground.prove()
    assert ground.carry_on() == "switch"
    primary = ground.replica.pk
    fact = {
        "state": "down", "role": "primary", "epoch": 2, "is_writable": False, "position": 0,
        "detail": "its data are not here: an empty primary is not made in their place",
    }  # fmt: skip
    watch = Watch()

    def look(seconds: float, **changes: object) -> None:
        see_replicas(seen={primary: fact | changes}, now=ground.now)
        watch_databases(
            watch,
            Around(),
            actor=ground.actor,
            now=ground.now + timedelta(seconds=seconds),
            monotonic=seconds,
        )

    for second in range(4):
        look(second)
    assert not Failover.objects.exists()
    assert ground.database.state == DatabaseState.WAITING
    ground.answer(Verb.ADOPT, OperationState.DONE, "its data are in place")
    assert ground.carry_on() == "route"
    look(4.0, detail="")
    assert not Failover.objects.exists(), "its data are there, and its agent starts it"
    look(5.0, state="running", is_writable=True, detail="")
    assert ground.carry_on() == "done"
    first = ground.now + timedelta(seconds=2)
    last = first - timedelta(seconds=52)
    gap = EndedGap(ground.database.pk, last, first, 52.0, 7, (8, 9), "")
    keep_gaps(gaps=[gap])
    (row,) = restores("notes")
    assert row.measured == "Nobody could write for 52 s; 2 acknowledged writes lost."
