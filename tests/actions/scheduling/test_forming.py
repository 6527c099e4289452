"""A fleet that starts, in rows: new copies wait for its hosts, and nobody is called for it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recovery.alarms.models import Alarm
from recovery.core import transitions
from recovery.inventory import actions as inventory
from recovery.inventory.facts import Verdict
from recovery.inventory.models import FailureDomain, Host
from recovery.scheduling import queries
from recovery.scheduling.cycle import reschedule
from recovery.scheduling.facts import Cause
from recovery.scheduling.models import Hold, HoldState
from tests.actions.scheduling.fleet import NOW, SAID, application, hosts, lead, seats

pytestmark = pytest.mark.django_db


def expected(*names: str) -> list[tuple[Host, str]]:
    """Hosts that were registered and invited, and are not seen yet; each with its token."""
    rack = FailureDomain.objects.all()[0]
    rows = [
        inventory.register_host(
            name=name, rack=rack, cpu_millis=4000, memory_mib=8192, labels={}, **SAID
        )
        for name in names
    ]
    return [(row, inventory.issue_join_token(host=row, **SAID)) for row in rows]


def test_new_copies_wait_until_the_invited_hosts_are_seen() -> None:
    hosts("a")
    invited = expected("b", "c")
    for name in ("payment", "cart"):
        application(name)
    me, soon = lead(), NOW + timedelta(seconds=2)
    decision = reschedule(actor=me, now=soon)
    assert {w.cause for w in decision.waiting} == {Cause.FORMING}
    assert "2 of 3 hosts have not been seen yet" in decision.waiting[0].reason
    assert not seats()
    assert not Hold.objects.exists(), "nobody has to do anything"
    for row, _ in invited:
        row.refresh_from_db()
        transitions.move(row, Verdict.ALIVE, **SAID)
    reschedule(actor=me, now=soon)
    assert len({host for _, _, host, _, _ in seats()}) == 2


def test_hosts_that_never_come_block_nothing() -> None:
    hosts("a")
    expected("b", "c")
    application("cart")
    me = lead()
    assert reschedule(actor=me, now=NOW + timedelta(seconds=14)).places == ()
    assert len(reschedule(actor=me, now=NOW + timedelta(seconds=15)).places) == 1


def test_who_enrols_late_is_waited_for_from_then_on() -> None:
    hosts("a")
    (_, token), _ = expected("b", "c")
    late = NOW + timedelta(seconds=40)
    inventory.enrol_host(name="b", token=token, public_key="k", now=late)
    for wait, is_forming in ((10, True), (15, False)):
        found = queries.snapshot_of([], late + timedelta(seconds=wait)).forming
        assert bool(found) is is_forming


def test_a_hold_that_rings_already_stays_until_there_is_a_seat() -> None:
    site = hosts("a")["a"]
    transitions.move(site, Verdict.LOST, **SAID)
    application("cart")
    me = lead()
    for seconds in (0, 70):
        reschedule(actor=me, now=NOW + timedelta(seconds=seconds))
    assert Alarm.objects.exclude(state="ended").count() == 1
    late = NOW + timedelta(seconds=80)
    for row, token in expected("b", "c"):
        inventory.enrol_host(name=row.name, token=token, public_key=row.name, now=late)
    reschedule(actor=me, now=late)
    hold = Hold.objects.get()
    assert (hold.state, hold.cause, hold.since) == (HoldState.OPEN, "fleet forming", NOW)
    assert Alarm.objects.exclude(state="ended").count() == 1
    for row in Host.objects.filter(verdict=Verdict.ENROLLING):
        transitions.move(row, Verdict.ALIVE, **SAID)
    reschedule(actor=me, now=late)
    assert Hold.objects.get().state == HoldState.ENDED
    assert not Alarm.objects.exclude(state="ended").exists()
