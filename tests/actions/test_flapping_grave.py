"""What is back and leaves users unserved, or is more than was taken, rings and is nobody's."""

from __future__ import annotations

from datetime import datetime

import pytest

from recovery.alarms import actions as alarms
from recovery.alarms.cycle import ring_what_lasts
from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.detection.situations import Scope
from recovery.incidents import actions
from recovery.incidents.cycle import watch_incidents
from recovery.incidents.facts import MemberKind, NewMember
from recovery.incidents.models import Incident, Member
from recovery.incidents.queries import grave_in
from recovery.inventory.facts import Role, Verdict
from recovery.inventory.models import Database, Host, Replica
from tests.actions.detection.test_stories_held import record, situation
from tests.actions.failover.fleet import Pair, copy, make_pair
from tests.actions.test_alarms import channel
from tests.actions.test_flapping import MINUTE, SECOND, leader, lose, rang
from tests.support.fleet import BY, NOW, make_application, make_fleet, seat

pytestmark = pytest.mark.django_db
ADA, BOB = Actor("person", "ada"), Actor("person", "bob")


def turn(host: Host, verdict: Verdict) -> None:
    now = Host.objects.get(pk=host.pk)
    transitions.move(now, verdict, actor=BY, reason="test", now=NOW)


def amend(row: Replica | Database, **changes: object) -> None:
    transitions.amend(row, changes, action="test", actor=BY, reason="test", now=NOW)


def lost(host: Host, at: datetime) -> Alarm:
    """As the controller records it: its verdict, then its situation."""
    turn(host, Verdict.LOST)
    record(situation(Scope.HOST, host.name, host), at=at)
    return Alarm.objects.exclude(state="ended").get(key=f"host:{host.name}:lost")


def back(host: Host, at: datetime) -> None:
    """It is alive; `watch_incidents` says what that means."""
    turn(host, Verdict.ALIVE)
    record(at=at)


def take(by: Actor, at: datetime) -> None:
    alarms.acknowledge_incident(incident=Incident.objects.get(), actor=by, reason="", now=at)


def watch(by: Actor, at: datetime) -> str:
    watch_incidents(actor=by, now=at)
    return Incident.objects.get().state


def switch_over(pair: Pair) -> None:
    """The standby leads, and the primary follows."""
    amend(Replica.objects.get(pk=pair.primary.pk), role=Role.STANDBY)
    amend(Replica.objects.get(pk=pair.standby.pk), role=Role.PRIMARY)
    amend(Database.objects.get(), primary_id=pair.standby.pk)


def triple() -> tuple[Pair, Host]:
    """A third copy, so that one standby more may be lost; the host of the second one."""
    pair = make_pair()
    copy(pair.database, pair.hosts["osu2-r1-h1"], 3, Role.STANDBY)
    serving = transitions.move(Database.objects.get(), "serving", actor=BY, reason="test", now=NOW)
    amend(serving, primary_id=pair.primary.pk, routed_epoch=serving.epoch)
    return pair, pair.hosts["par1-r2-h1"]


def test_a_host_that_held_a_standby_and_holds_the_primary_by_now_rings_at_once() -> None:
    by, (pair, host) = leader(), triple()
    channel()
    lost(host, NOW)
    take(ADA, NOW + SECOND)
    back(host, NOW + 10 * SECOND)
    assert watch(by, NOW + 11 * SECOND) == "mitigated"
    assert watch(by, NOW + 22 * SECOND) == "resolved"
    switch_over(pair)
    assert lost(host, NOW + 4 * MINUTE).state == "raised"
    assert rang()[-1] == f"ALARM {host.name} is lost. Databases: orders (primary)."
    take(BOB, NOW + 4 * MINUTE + SECOND)
    assert Incident.objects.get().acknowledged_by == "bob"


def test_the_same_loss_of_a_standby_stays_with_who_took_it_until_no_other_is_left() -> None:
    pair, host = triple()
    lost(host, NOW)
    take(ADA, NOW + SECOND)
    back(host, NOW + 2 * SECOND)
    assert lost(host, NOW + 3 * SECOND).state == "acknowledged", "one more could take over"
    back(host, NOW + 4 * SECOND)
    turn(pair.hosts["osu2-r1-h1"], Verdict.LOST)
    assert lost(host, NOW + 5 * SECOND).state == "raised", "nobody could take over"
    assert Incident.objects.get().acknowledged_by == "", "it is nobody's"


def test_a_rack_that_grows_by_the_host_of_a_primary_rings_whoever_has_it() -> None:
    pair = make_pair()
    one, other = pair.hosts["osu2-r1-h1"], pair.primary.host
    channel()
    turn(one, Verdict.LOST)
    record(situation(Scope.RACK, "r", one))
    take(ADA, NOW + SECOND)
    turn(other, Verdict.LOST)
    record(situation(Scope.RACK, "r", one, other), at=NOW + 2 * SECOND)
    assert rang()[-1] == "ALARM r: 2 hosts lost. Databases: orders (primary)."
    take(BOB, NOW + 3 * SECOND)
    turn(one, Verdict.ALIVE)
    record(situation(Scope.RACK, "r", other), at=NOW + 4 * SECOND)
    assert len(rang()) == 2, "less is no news"


def test_of_a_datacenter_that_grows_nobody_is_rung_twice() -> None:
    """People decide about it: whoever has it has all of it."""
    pair = make_pair()
    one, other = pair.standby.host, pair.primary.host
    for hosts in ((one,), (one, other)):
        turn(hosts[-1], Verdict.LOST)
        record(situation(Scope.DATACENTER, "PAR1", *hosts), at=NOW + len(hosts) * SECOND)
        if hosts == (one,):
            take(ADA, NOW + SECOND)
    assert Incident.objects.get().acknowledged_by == "ada"
    assert Alarm.objects.exclude(state="ended").get().state == "acknowledged"


def test_an_application_at_risk_is_with_who_took_it_and_rings_once_it_is_down() -> None:
    by, fleet = leader(), make_fleet()
    channel()
    first, second = fleet.hosts["par1-r1-h1"], fleet.hosts["osu2-r1-h1"]
    one, two = fleet.application.containers.order_by("ordinal")
    seat(one, first)
    other = seat(two, second)
    lost(first, NOW)
    take(ADA, NOW + SECOND)
    back(first, NOW + 2 * SECOND)
    watch(by, NOW + 3 * SECOND)
    assert watch(by, NOW + 14 * SECOND) == "resolved"
    assert lost(first, NOW + MINUTE).state == "acknowledged"
    ring_what_lasts(actor=by, now=NOW + MINUTE + SECOND)
    turn(second, Verdict.SUSPECT)
    ring_what_lasts(actor=by, now=NOW + MINUTE + SECOND)
    assert len(rang()) == 1, "at risk, as it was taken"
    transitions.move(other, "sick", actor=BY, reason="test", now=NOW)
    ring_what_lasts(actor=by, now=NOW + MINUTE + 2 * SECOND)
    assert len(rang()) == 2, "down"
    take(BOB, NOW + MINUTE + 3 * SECOND)


def test_an_application_of_which_no_copy_is_wanted_is_not_down() -> None:
    make_fleet()
    for copies in (0, 1):
        row = make_application(f"app-{copies}", copies=copies)
        found = grave_in([NewMember(MemberKind.APPLICATION, str(row.pk), row.name)])
        assert bool(found) == bool(copies)


def test_what_is_lost_again_with_more_before_it_was_over_is_nobodys() -> None:
    by, fleet = leader(), make_fleet()
    first, second = fleet.hosts["par1-r1-h1"], fleet.hosts["par1-r2-h1"]
    record(situation(Scope.RACK, "r", first))
    take(ADA, NOW + SECOND)
    record(at=NOW + 2 * SECOND)
    assert watch(by, NOW + 3 * SECOND) == "mitigated"
    turn(first, Verdict.SUSPECT)
    assert watch(by, NOW + 5 * SECOND) == "acknowledged", "it stays with ada"
    record(situation(Scope.RACK, "r", first, second), at=NOW + 8 * SECOND)
    assert Alarm.objects.filter(state="raised").count() == 1
    assert Incident.objects.get().state == "open"
    take(BOB, NOW + 9 * SECOND)
    assert Incident.objects.get().acknowledged_by == "bob"


def test_a_clock_of_what_was_whole_begins_when_it_is_hurt_again() -> None:
    by, fleet = leader(), make_fleet()
    first = fleet.hosts["par1-r1-h1"]
    seat(fleet.application.containers.get(ordinal=1), first)
    sick = seat(fleet.application.containers.get(ordinal=2), fleet.hosts["osu2-r1-h1"])
    lost(first, NOW)
    app = Member.objects.filter(kind=MemberKind.APPLICATION)
    back(first, NOW + 10 * SECOND)
    watch(by, NOW + 11 * SECOND)
    transitions.move(sick, "sick", actor=BY, reason="test", now=NOW)
    assert watch(by, NOW + 15 * SECOND) == "open"
    assert app.get().since == NOW + 15 * SECOND
    lost(first, NOW + 16 * SECOND)
    assert app.get().since == NOW + 15 * SECOND, "it lasts since then"


def test_what_is_whole_is_hurt_no_earlier_than_it_was_whole() -> None:
    member = [NewMember(MemberKind.HOST, "a", "a")]
    lose("rack:r", "ab", NOW)
    incident = Incident.objects.get()
    rows = {row.pk: "whole" for row in Member.objects.filter(incident=incident)}
    actions.mark_whole(incident=incident, members=rows, actor=BY, now=NOW + MINUTE)
    again = NOW + 30 * SECOND
    actions.add_members(
        incident=incident, members=member, since=again, actor=BY, now=NOW + 2 * MINUTE
    )
    assert Member.objects.get(object_id="a").since == NOW + MINUTE
    assert Member.objects.get(object_id="b").since < NOW


def test_a_host_that_stays_lost_was_gone_all_the_while() -> None:
    """It was whole because what ran there ran elsewhere: a plan counts from its silence."""
    by, fleet = leader(), make_fleet()
    first = fleet.hosts["par1-r1-h1"]
    lost(first, NOW)
    since = Member.objects.get(kind=MemberKind.HOST).since
    assert watch(by, NOW + SECOND) == "mitigated"
    seat(fleet.application.containers.get(ordinal=1), first)
    assert watch(by, NOW + 5 * SECOND) == "open"
    assert Member.objects.get(kind=MemberKind.HOST).since == since


def test_a_part_that_was_whole_again_lends_no_older_clock_to_the_wider_one() -> None:
    lose("host:a", "a", NOW)
    part = Incident.objects.get()
    rows = dict.fromkeys(Member.objects.values_list("pk", flat=True), "whole")
    actions.mark_whole(incident=part, members=rows, actor=BY, now=NOW + SECOND)
    lose("rack:r", "ab", NOW + 5 * MINUTE)
    into = Incident.objects.get(domain="rack:r")
    actions.join_incident(incident=part, into=into, actor=BY, reason="one", now=NOW + 6 * MINUTE)
    assert Member.objects.get(incident=into, object_id="a").since == NOW + 5 * MINUTE - SECOND


def test_whatever_swings_through_whole_and_is_never_over_rings_after_half_an_hour() -> None:
    by, fleet = leader(), make_fleet()
    channel()
    host, at = fleet.hosts["par1-r1-h1"], NOW
    lost(host, at)
    take(ADA, at + SECOND)
    for _ in range(9):
        back(host, at + 5 * SECOND)
        watch(by, at + 6 * SECOND)
        at += 220 * SECOND
        alarm = lost(host, at)
        ring_what_lasts(actor=by, now=at)
    assert alarm.raised_at == at
    assert Incident.objects.get().state == "open", "half an hour is over"
    assert len(rang()) == 2, "and nothing in between rang"
