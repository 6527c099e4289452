"""A situation that was over is back: with whoever took it, or more than they took."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recovery.alarms import actions as alarms
from recovery.alarms.models import Alarm
from recovery.detection.situations import Scope
from recovery.incidents.models import Incident
from tests.actions.detection.fleet import PERSON, START, build_fleet
from tests.actions.detection.test_stories_held import record, situation

SECOND = timedelta(seconds=1)


@pytest.mark.django_db
def test_a_rack_that_is_back_with_a_host_more_rings() -> None:
    """Its incident lasts all the while: something else of it is still hurt."""
    one, two, three = [host for host in build_fleet() if host.name.startswith("par1")][:3]
    record(situation(Scope.RACK, "r", one, two))
    taken = Incident.objects.get()
    alarms.acknowledge_incident(incident=taken, actor=PERSON, reason="", now=START + SECOND)
    record(at=START + 2 * SECOND)
    record(situation(Scope.RACK, "r", one, two), at=START + 3 * SECOND)
    assert not Alarm.objects.filter(state="raised").exists(), "it is what was taken"
    record(at=START + 4 * SECOND)
    record(situation(Scope.RACK, "r", one, two, three), at=START + 5 * SECOND)
    assert Alarm.objects.filter(state="raised").count() == 1
