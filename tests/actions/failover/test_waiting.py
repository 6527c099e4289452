"""A starter database that waits rings once, and says why it waits now, whoever leads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recovery.alarms.models import Alarm
from recovery.audit.models import AuditEntry
from recovery.core import transitions
from recovery.inventory.facts import Verdict
from tests.actions.failover.agents import Play
from tests.actions.failover.fleet import make_starter
from tests.support.fleet import BY

pytestmark = pytest.mark.django_db
FROZEN = "DRP-0002 froze failover for amelie: OSU2 is lost"


def rung() -> list[str]:
    """Every alarm about the database so far, by its condition: one row each time that it rings."""
    return [key.rpartition(":")[2] for key in Alarm.objects.values_list("key", flat=True)]


@pytest.fixture
def play() -> Play:
    """Its host is lost, and it waits for it."""
    found = Play(make_starter())
    found.run(6)
    assert found.database.state == "serving"
    found.kill(found.pair.primary)
    found.run(2)
    assert found.database.state == "waiting"
    assert "is lost" in found.database.state_reason
    assert rung() == ["waiting"]
    return found


def back(play: Play) -> None:
    """Its host lives again, behind a fence: its server stays closed."""
    host = play.pair.primary.host
    host.refresh_from_db()
    transitions.move(host, Verdict.ALIVE, actor=BY, reason="heard", now=play.now)
    server = play.servers[play.pair.primary.pk]
    server.is_up, server.server, server.detail = True, "down", "it stays closed behind a fence"


def test_it_rings_once_under_a_freeze_however_often_the_lead_goes_round(play: Play) -> None:
    play.around = replace(play.around, paused=FROZEN)
    back(play)
    for _ in range(3):
        play.lead()
        play.look()
        play.run(2)
    assert rung() == ["waiting"]
    assert play.database.state_reason == f"Automation is paused: {FROZEN}"


def test_a_host_that_is_heard_is_not_said_to_be_lost_and_it_is_written_once(play: Play) -> None:
    play.around = replace(play.around, paused=FROZEN)
    since = play.database.state_at
    back(play)
    play.run(6)
    assert play.database.state_at == since
    entries = AuditEntry.objects.filter(object_id=str(play.database.pk))
    assert [one.body["reason"] for one in entries if one.body["action"] == "waits still"] == [
        f"Automation is paused: {FROZEN}"
    ]
