"""Routes, outages and service levels out of real rows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from recovery.audit.models import AuditEntry
from recovery.core import transitions
from recovery.core.clock import ManualClock
from recovery.inventory.facts import PlacementState, Replace, Verdict
from recovery.inventory.models import Host, Placement
from recovery.scheduling.cycle import reschedule
from recovery.traffic import actions, queries
from recovery.traffic.facts import Answer, Level
from recovery.traffic.models import Outage
from recovery.traffic.prober import Told
from recovery.traffic.prober_run import Sight, resume, write
from recovery.traffic.timeline import Began, Ended, Rate
from tests.actions.scheduling.fleet import NOW, SAID, application, hosts, judge, lead, obey

pytestmark = pytest.mark.django_db
RATE = Rate(asked=4, answered=3, unknown=0, latency_ms=7.0, last=Answer.NO)
UNSEEN = Sight({}, {})


def serve(name: str, copies: int) -> None:
    """An application that runs on hosts with addresses."""
    for number, host in enumerate(hosts("a", "b").values(), 1):
        transitions.amend(
            Host.objects.get(pk=host.pk), {"address": f"127.0.0.{number}"}, action="x", **SAID
        )
    application(name, copies)
    reschedule(actor=lead(), now=NOW)
    obey()


def test_the_edges_poll_is_two_statements() -> None:
    serve("shop", 2)
    with CaptureQueriesContext(connection) as captured:
        told = queries.edge_configuration()
    assert len(captured) == 2
    assert "shop" in str(told)


def test_a_lost_hosts_container_leaves_the_routes_and_the_only_one_stays() -> None:
    serve("shop", 2)
    judge(Host.objects.get(name="a"), Verdict.LOST, Replace.HELD)
    (route,) = queries.current_routes()
    assert (len(route.servers), route.kept) == (1, False)
    judge(Host.objects.get(name="b"), Verdict.LOST, Replace.HELD)
    (route,) = queries.current_routes()
    assert route.servers
    assert route.kept


def test_failed_seats_leave_the_last_good_route() -> None:
    serve("shop", 1)
    seat = Placement.objects.get()
    transitions.amend(seat, {"running_at": NOW}, action="x", **SAID)
    transitions.move(seat, PlacementState.FAILED, **SAID)
    (route,) = queries.current_routes()
    assert route.kept


def test_an_outage_is_opened_once_ended_once_and_counted() -> None:
    shop = application("shop", 2)
    clock = ManualClock(NOW)
    began = Told(shop.pk, Began(0.0, "the edge says 504"), NOW - timedelta(seconds=10))
    assert write([began, began], Sight({shop.pk: RATE}, {}), clock)[0].name == "shop"
    assert Outage.objects.count() == 1
    live = queries.live_answers(NOW)[shop.pk]
    assert (live.state, live.answer_rate) == (Answer.NO, 0.75)
    write([Told(shop.pk, Ended(0.0), NOW - timedelta(seconds=2))], UNSEEN, clock)
    write([Told(shop.pk, Ended(0.0), NOW)], UNSEEN, clock)
    standing = queries.standings(NOW)[shop.pk]
    assert (standing.level, standing.used) == (Level.MANY, 8.0)
    said = AuditEntry.objects.filter(object_type="outage").order_by("id")
    assert [entry.body["action"] for entry in said] == ["created", "ended"]


def test_an_old_pulse_is_unknown() -> None:
    shop = application("shop")
    assert queries.live_answers(NOW)[shop.pk].state is Answer.UNKNOWN
    actions.note_pulses(rates={shop.pk: RATE}, now=NOW)
    actions.note_pulses(rates={shop.pk: RATE}, now=NOW + timedelta(seconds=1))
    later = queries.live_answers(NOW + timedelta(seconds=7))[shop.pk]
    assert (later.state, later.answer_rate) == (Answer.UNKNOWN, None)


def test_a_restarted_prober_ends_what_it_could_no_longer_see() -> None:
    shop = application("shop")
    clock = ManualClock(NOW + timedelta(minutes=5))
    write([Told(shop.pk, Began(0.0, "504"), NOW)], UNSEEN, ManualClock(NOW))
    actions.note_pulses(rates={shop.pk: RATE}, now=NOW + timedelta(seconds=30))
    resume(clock)
    outage = Outage.objects.get()
    assert (outage.ended_at, outage.is_end_seen) == (NOW + timedelta(seconds=30), False)


def test_an_answer_ends_an_outage_in_sight_and_an_edge_that_is_away_does_not() -> None:
    clock = ManualClock(NOW)
    for name, is_seen in (("shop", True), ("books", False)):
        pk = application(name).pk
        write([Told(pk, Began(0.0, "504"), NOW)], UNSEEN, clock)
        write([Told(pk, Ended(0.0, seen=is_seen), NOW)], UNSEEN, clock)
        assert Outage.objects.get(application=pk).is_end_seen is is_seen
