"""A person takes an incident in the moment in which it becomes a part of a wider one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction

from recovery.alarms import actions as alarms
from recovery.alarms.facts import AlarmState
from recovery.alarms.models import Alarm
from recovery.detection import actions
from recovery.detection.situations import Hypothesis, Scope, Situation
from recovery.incidents import actions as incidents
from recovery.incidents.models import Incident
from recovery.inventory.facts import Verdict
from recovery.inventory.models import Host
from tests.actions.detection.fleet import BY, PERSON, START, build_fleet
from tests.support.running import wait_for

WAITS = """
SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))
"""


def situation(scope: Scope, domain: str, *hosts: Host) -> Situation:
    why = (Hypothesis(scope, domain, 1.0, (), (), ()),)
    keys = tuple(host.pk.hex for host in hosts)
    return Situation(f"{scope}:{domain}", scope, domain, keys, why, Verdict.LOST)


def record(*found: Situation, at: datetime = START) -> None:
    actions.record_situations(found=found, actor=BY, now=at)


def two_racks_then_all() -> Situation:
    """A host in each rack has an incident; what swallows both is still to be recorded."""
    here = [host for host in build_fleet() if host.name.startswith("par1")]
    first, second = (situation(Scope.HOST, host.name, host) for host in (here[0], here[2]))
    record(first)
    record(first, second, at=START + timedelta(seconds=1))
    return situation(Scope.DATACENTER, "PAR1", *here)


@pytest.mark.django_db(transaction=True)
def test_a_person_and_the_controller_never_wait_for_one_another() -> None:
    wider = two_racks_then_all()
    part = Incident.objects.get(domain="host:par1-10")

    def widen() -> None:
        try:
            record(wider)
        finally:
            connection.close()

    def waits() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(WAITS)
            return bool(cursor.fetchone() != (0,))

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            incidents.acknowledge_incident(incident=part, actor=PERSON, reason="Mine.", now=START)
            widening = pool.submit(widen)
            wait_for(waits)
            ringing = Alarm.objects.select_for_update().filter(incident=part)
            assert [alarm.state for alarm in ringing] == [AlarmState.RAISED]
        widening.result(timeout=10)
    part.refresh_from_db()
    assert part.joined == Incident.objects.get(domain="datacenter:PAR1")


@pytest.mark.django_db
def test_who_takes_a_part_takes_the_whole_and_it_stops_ringing() -> None:
    wider = two_racks_then_all()
    seen = Incident.objects.get(domain="host:par1-10")
    record(wider)
    taken = alarms.acknowledge_incident(incident=seen, actor=PERSON, reason="Mine.", now=START)
    assert taken.domain == "datacenter:PAR1"
    assert not Alarm.objects.filter(state=AlarmState.RAISED).exists()


@pytest.mark.django_db
def test_what_has_grown_meanwhile_can_still_be_taken() -> None:
    two_racks_then_all()
    seen = Incident.objects.get(domain="host:par1-10")
    now = Incident.objects.get(pk=seen.pk)
    incidents.widen_incident(
        incident=now, domain="rack:PAR1 rack R1", actor=BY, reason="More of it.", now=START
    )
    assert alarms.acknowledge_incident(incident=seen, actor=PERSON, reason="Mine.", now=START)
