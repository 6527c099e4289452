"""A restore puts data in place: its server is down for it, and nobody fails over or is rung, unless
that takes too long. It serves again by its agent's word of these data alone."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from recovery.alarms.models import Alarm
from recovery.core import control
from recovery.failover.actions.restored import end_adopting, lead_alone
from recovery.failover.models import Failover, Lease
from recovery.inventory.models import Database
from tests.actions.failover.agents import Play, settled

pytestmark = pytest.mark.django_db


@pytest.fixture
def play() -> Play:
    return settled()


def switched(play: Play) -> UUID:
    """Decided: from now on it leads with what was restored, and its old server ends for it."""
    restore, lease = uuid4(), Lease.objects.get()
    with control.deciding(play.epoch):
        lead_alone(
            Database.objects.select_for_update().get(pk=play.database.pk),
            play.pair.primary,
            play.pair.primary.host,
            lease=(lease.epoch, lease.incarnation, lease.sequence),
            adopting=restore,
            why="test",
            said="Its data are put in place.",
            actor=play.actor,
            now=play.now,
        )
    return restore


def test_nobody_takes_over_and_it_serves_again_with_the_restored_data_alone(play: Play) -> None:
    server = play.servers[play.pair.primary.pk]
    restore = switched(play)
    play.run(2)
    assert play.database.state == "waiting", "its old server still runs, and tells the new epoch"
    server.server = "down"
    play.run(8)
    assert not Failover.objects.exists()
    assert not Alarm.objects.exists()
    server.server = "running"
    play.run(2)
    assert play.database.state == "waiting", "these are the old data"
    server.adopted = str(restore)
    play.run(1)
    row = play.database
    assert (row.state, row.epoch, row.routed_epoch) == ("serving", 2, 2)
    with control.deciding(play.epoch):
        end_adopting(row, actor=play.actor, reason="test", now=play.now)
    server.server = "down"
    play.run(1)
    assert Failover.objects.exists(), "from then on it is as any other"


def test_one_that_is_not_in_place_within_a_minute_rings(play: Play) -> None:
    switched(play)
    play.servers[play.pair.primary.pk].server = "down"
    play.run(1)
    play.mono += 57
    play.run(1)
    assert not Alarm.objects.exists()
    play.mono += 2
    play.run(1)
    assert "is down and waits" in Alarm.objects.get().title
