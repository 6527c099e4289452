"""A database that was seen to fail before its host was given up, as after a blindness: one
disaster, one incident."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recovery.failover.rounds.telling import story_for, story_of
from recovery.incidents.models import Incident
from recovery.inventory.facts import Role
from recovery.inventory.models import Database
from tests.actions.detection.fleet import BY, Stage, build_fleet
from tests.actions.failover.fleet import copy, describe

pytestmark = pytest.mark.django_db
HOSTS = ("par1-00", "par1-01", "par1-10", "par1-11")


@pytest.fixture
def stage() -> Stage:
    started = Stage(build_fleet())
    started.run(32.0)
    return started


def fail(stage: Stage, name: str, host: str, ago: float) -> Database:
    """A database whose primary stands on this host, and that was seen to fail so long ago."""
    site = host.partition("-")[0].upper()
    database = describe(name, port=15000 + Database.objects.count(), site=site)
    source = copy(database, stage.named(host), 1, Role.PRIMARY)
    now = stage.clock.now()
    when = now - timedelta(seconds=ago)
    story_for(database, source, "It is silent.", happened_at=when, actor=BY, now=now)
    return database


def test_what_failed_with_its_host_is_part_of_its_incident(stage: Stage) -> None:
    stage.kill(*HOSTS)
    stage.run(0.6)
    orders, ident = fail(stage, "orders", "par1-00", 0.5), fail(stage, "ident", "par1-10", 0.2)
    assert Incident.objects.count() == 2
    stage.run(6.0)
    [one] = Incident.objects.exclude(state="resolved")
    assert one.domain == "datacenter:PAR1"
    assert {part.joined for part in Incident.objects.filter(state="resolved")} == {one}
    assert story_of(orders) == story_of(ident) == one
    assert set(one.members.values_list("name", flat=True)) == {"orders", "ident", *HOSTS}


def test_what_failed_long_before_or_elsewhere_stays_its_own(stage: Stage) -> None:
    before, other = fail(stage, "orders", "par1-00", 600.0), fail(stage, "ident", "par2-00", 0.0)
    stage.kill(*HOSTS)
    stage.run(6.0)
    domains = Incident.objects.exclude(state="resolved").values_list("domain", flat=True)
    assert set(domains) == {
        "datacenter:PAR1",
        f"database:{before.pk}",
        f"database:{other.pk}",
    }
