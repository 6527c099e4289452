"""What flaps is one incident: it rings who has not taken it, and who has when it is more."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.alarms import actions as alarms
from recovery.alarms import queries
from recovery.alarms.cycle import end_alarms_of, ring_what_lasts
from recovery.alarms.facts import Severity
from recovery.alarms.models import Alarm, Delivery
from recovery.audit.facts import Actor
from recovery.audit.models import AuditEntry
from recovery.core import control
from recovery.detection.actions import BLIND, go_blind, see_again
from recovery.drp.queries.served import incidents_in
from recovery.incidents import actions, screens
from recovery.incidents.cycle import watch_incidents
from recovery.incidents.facts import UNRESOLVED, MemberKind, NewMember
from recovery.incidents.flapping import POLICY
from recovery.incidents.models import Incident, Member
from recovery.incidents.queries import spells_of, unknown_in
from tests.actions.test_alarms import channel
from tests.support.fleet import BY, NOW

pytestmark = pytest.mark.django_db
ADA = Actor("person", "ada")
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
TITLE = "Tocsin is blind: nothing is decided"


def blind(at: datetime) -> Incident:
    go_blind(reasons=["No digest."], actor=BY, now=at)
    return Incident.objects.get(domain=BLIND, state__in=["open", "acknowledged"])


def over(at: datetime, domain: str = BLIND, by: Actor = BY) -> None:
    """It is whole, and stayed so."""
    if domain == BLIND:
        see_again(actor=BY, now=at)
    incident = Incident.objects.get(domain=domain, state__in=UNRESOLVED)
    members = {member.pk: "whole" for member in Member.objects.filter(incident=incident)}
    actions.mark_whole(incident=incident, members=members, actor=BY, now=at)
    whole = actions.mitigate_incident(incident=incident, actor=BY, reason="whole", now=at)
    actions.resolve_incident(incident=whole, actor=by, reason="it stayed so", now=at)
    if domain == BLIND:
        alarms.end_alarms(keys=[BLIND], actor=BY, reason="It is over.", now=at)


def take(incident: Incident, at: datetime) -> None:
    alarms.acknowledge_incident(incident=incident, actor=ADA, reason="", now=at)


def lose(domain: str, hosts: str, at: datetime, severity: Severity = Severity.PAGE) -> Alarm:
    """As detection does: h1 and h2 of this domain are lost."""
    members = [NewMember(MemberKind.HOST, one, one, is_cause=True) for one in hosts]
    more = unknown_in(domain, members)
    incident = actions.open_incident(
        domain=domain, title=f"{hosts} lost", summary="", happened_at=at - SECOND,
        members=members, actor=BY, reason="silent", now=at,
    )  # fmt: skip
    return alarms.raise_alarm(
        key=f"{domain}:lost", severity=severity, title=f"{hosts} lost", body="",
        incident=incident, is_more=bool(more), actor=BY, reason="silent", now=at,
    )  # fmt: skip


def find(domain: str, at: datetime) -> None:
    alarms.end_alarms(keys=[f"{domain}:lost"], actor=BY, reason="alive", now=at)
    over(at, domain)


def leader() -> Actor:
    epoch = control.take_lead("one", seen_epoch=0, now=NOW)
    assert epoch is not None
    return Actor("controller", "one", epoch)


def rang() -> list[str]:
    """The alarms that were sent, the oldest first."""
    told = Delivery.objects.filter(subject__startswith="ALARM").order_by("queued_at", "pk")
    return list(told.values_list("subject", flat=True))


def test_what_is_back_within_minutes_is_the_same_incident_with_a_count() -> None:
    for n in range(4):
        blind(NOW + n * 4 * MINUTE)
        over(NOW + n * 4 * MINUTE + 30 * SECOND)
    [view] = screens.recent_incidents()
    assert (view.times, view.again) == (4, "4th time in 12 min")
    kinds = Incident.objects.get().timeline.filter(kind__in=["opened", "returned", "resolved"])
    assert kinds.count() == 8, "each opening and each end has its line"
    entries = AuditEntry.objects.filter(object_type="incident").order_by("id")
    assert [entry.body["action"] for entry in entries].count("resolved") == 4


def test_its_clocks_begin_with_the_happening_that_lasts_and_no_second_is_lost() -> None:
    blind(NOW)
    over(NOW + 30 * SECOND)
    back = blind(NOW + 5 * MINUTE)
    assert (back.happened_at, back.resolved_at) == (NOW + 5 * MINUTE, None)
    assert Member.objects.get(incident=back).since == NOW + 5 * MINUTE
    first, second = spells_of([back.pk])[back.pk]
    assert (first.began_at, first.ended_at) == (NOW, NOW + 30 * SECOND)
    assert (second.began_at, second.ended_at) == (NOW + 5 * MINUTE, None)


def test_a_report_lists_each_happening_of_its_time_and_no_other() -> None:
    blind(NOW)
    over(NOW + 30 * SECOND)
    blind(NOW + 5 * MINUTE)
    [one] = incidents_in(NOW, NOW + MINUTE)
    assert (one.state, one.began_at, one.ended_at) == ("resolved", NOW, NOW + 30 * SECOND)
    [two] = incidents_in(NOW + 4 * MINUTE, NOW + 6 * MINUTE)
    assert (two.state, two.began_at, two.ended_at) == ("open", NOW + 5 * MINUTE, None)


def test_what_nobody_took_rings_each_time() -> None:
    channel()
    for n in range(3):
        blind(NOW + n * MINUTE)
        over(NOW + n * MINUTE + SECOND)
    assert rang() == [f"ALARM {TITLE}"] * 3
    assert "It is the 3rd time in 2 min." in Delivery.objects.filter(text__contains="3rd")[0].text


def test_blindness_that_comes_and_goes_is_one_page() -> None:
    """It rang eighteen in three minutes: each few seconds of sight ended its alarm."""
    by = leader()
    channel()
    for n in range(18):
        at = NOW + n * 10 * SECOND
        incident = blind(at)
        see_again(actor=by, now=at + 4 * SECOND)
        watch_incidents(actor=by, now=at + 5 * SECOND)
        incident.refresh_from_db()
        assert incident.state == "mitigated"
    assert rang() == [f"ALARM {TITLE}"]
    last = at + 5 * SECOND
    assert not watch_incidents(actor=by, now=last + 29 * SECOND)
    ended = watch_incidents(actor=by, now=last + 30 * SECOND)
    assert ended == [incident]
    end_alarms_of(incidents=ended, actor=by, now=last + 30 * SECOND)
    assert not Alarm.objects.exclude(state="ended").exists()


def test_what_somebody_took_is_back_with_them_and_rings_nobody() -> None:
    channel()
    take(blind(NOW), NOW + SECOND)
    over(NOW + 30 * SECOND)
    back = blind(NOW + MINUTE)
    assert (back.state, back.acknowledged_by) == ("acknowledged", "ada")
    quiet = Alarm.objects.get(key=BLIND, state="acknowledged")
    assert (quiet.acknowledged_by, len(rang())) == ("ada", 1)
    assert queries.raised_since(NOW - SECOND) == 1, "what rings nobody is no storm"
    over(NOW + MINUTE + SECOND)
    assert not Delivery.objects.filter(alarm=quiet).exists(), "nobody is told that it is over"


def test_taken_while_we_see_again_it_is_taken_all_the_same() -> None:
    incident = blind(NOW)
    see_again(actor=BY, now=NOW + 13 * SECOND)
    take(incident, NOW + 14 * SECOND)
    over(NOW + 24 * SECOND)
    blind(NOW + MINUTE)
    assert Alarm.objects.filter(key=BLIND, state="acknowledged").exists()


def test_one_that_lasts_rings_anew_and_is_nobodys_also_while_we_are_blind() -> None:
    by = leader()
    channel()
    take(blind(NOW), NOW + SECOND)
    over(NOW + 20 * SECOND)
    blind(NOW + MINUTE)
    ring_what_lasts(actor=by, now=NOW + MINUTE + 19 * SECOND)
    assert len(rang()) == 1
    ring_what_lasts(actor=by, now=NOW + MINUTE + 20 * SECOND)
    assert rang() == [f"ALARM {TITLE}"] * 2, "longer than ever before"
    incident = Incident.objects.get()
    assert (incident.state, incident.acknowledged_by) == ("open", "")
    assert Alarm.objects.filter(key=BLIND, state="raised").count() == 1
    ring_what_lasts(actor=by, now=NOW + 9 * MINUTE)
    assert len(rang()) == 2


def test_more_hosts_than_were_taken_ring_at_once() -> None:
    channel()
    alarm = lose("rack:r", "a", NOW)
    assert alarm.incident is not None
    take(alarm.incident, NOW + SECOND)
    find("rack:r", NOW + MINUTE)
    assert lose("rack:r", "ab", NOW + 2 * MINUTE).state == "raised"
    assert rang()[-1] == "ALARM ab lost"
    assert Incident.objects.get().acknowledged_by == ""


def test_a_host_more_in_what_came_back_quietly_rings_too() -> None:
    by = leader()
    channel()
    alarm = lose("rack:r", "a", NOW)
    assert alarm.incident is not None
    take(alarm.incident, NOW + SECOND)
    find("rack:r", NOW + MINUTE)
    assert lose("rack:r", "a", NOW + 2 * MINUTE).state == "acknowledged"
    lose("rack:r", "ab", NOW + 2 * MINUTE + SECOND)
    ring_what_lasts(actor=by, now=NOW + 2 * MINUTE + 2 * SECOND)
    assert len(rang()) == 2
    assert Incident.objects.get().state == "open"


def test_a_graver_alarm_and_one_of_another_kind_ring() -> None:
    alarm = lose("rack:r", "a", NOW, Severity.NOTICE)
    assert alarm.incident is not None
    take(alarm.incident, NOW + SECOND)
    find("rack:r", NOW + MINUTE)
    graver = lose("rack:r", "a", NOW + 2 * MINUTE)
    assert graver.state == "raised"
    incident = Incident.objects.get()
    assert (incident.state, incident.acknowledged_by) == ("open", ""), "it is not what was taken"
    take(incident, NOW + 2 * MINUTE)
    other = alarms.raise_alarm(
        key="rack:r:hung", severity=Severity.PAGE, title="hung", body="", incident=incident,
        actor=BY, reason="hung", now=NOW + 3 * MINUTE,
    )  # fmt: skip
    assert other.state == "raised"


@pytest.mark.parametrize(
    ("domain", "by", "rest"),
    [
        ("host:a", BY, POLICY.window + SECOND),
        ("host:a", ADA, MINUTE),
        ("datacenter:PAR1", BY, MINUTE),
    ],
    ids=["a long rest", "a person closed it", "people decide about each loss of it"],
)
def test_what_is_another_incident(domain: str, by: Actor, rest: timedelta) -> None:
    lose(domain, "a", NOW)
    alarms.end_alarms(keys=[f"{domain}:lost"], actor=BY, reason="alive", now=NOW)
    over(NOW, domain, by)
    lose(domain, "a", NOW + rest)
    assert Incident.objects.filter(domain=domain).count() == 2


def test_a_part_of_a_wider_one_is_not_opened_again() -> None:
    part = lose("host:a", "a", NOW).incident
    whole = lose("rack:r", "ab", NOW).incident
    assert part is not None
    assert whole is not None
    actions.join_incident(incident=part, into=whole, actor=BY, reason="one rack", now=NOW)
    alarms.end_alarms(keys=["host:a:lost"], actor=BY, reason="part", now=NOW)
    lose("host:a", "a", NOW + MINUTE)
    assert Incident.objects.filter(domain="host:a").count() == 2


def test_an_acknowledgement_ends_by_itself() -> None:
    take(blind(NOW), NOW)
    at = NOW
    while at <= NOW + POLICY.taken_for:
        over(at + SECOND)
        at += 5 * MINUTE
        blind(at)
    assert Incident.objects.get().state == "open"
    assert Alarm.objects.filter(key=BLIND, state="raised").count() == 1


STEP = st.tuples(
    st.sampled_from(["lose", "lose", "find", "take", "tick"]),
    st.sampled_from(["host:a", "rack:r"]),
    st.sampled_from(["a", "ab", "abc"]),
    st.sampled_from([1, 14, 59, 200, 700]),
)


@settings(max_examples=12, derandomize=True, deadline=None)
@given(st.lists(STEP, min_size=4, max_size=14))
def test_whatever_comes_and_goes_nothing_new_goes_unheard(
    steps: list[tuple[str, str, str, int]],
) -> None:
    """Rows, as the controller and people write them, from an empty database each time."""
    with transaction.atomic():
        _play(steps)
        transaction.set_rollback(True)


def _play(steps: list[tuple[str, str, str, int]]) -> None:
    by, at, times = leader(), NOW, {"host:a": 0, "rack:r": 0}
    for act, domain, hosts, seconds in steps:
        at += seconds * SECOND
        lasting = Incident.objects.filter(domain=domain, state__in=UNRESOLVED).first()
        if act == "lose":
            times[domain] += lasting is None
            lose(domain, hosts, at)
        elif act == "find" and lasting is not None:
            find(domain, at)
        elif act == "take" and lasting is not None and lasting.acknowledged_at is None:
            take(lasting, at)
        ring_what_lasts(actor=by, now=at)
        _check(at)
    found = spells_of(list(Incident.objects.values_list("pk", flat=True)))
    happened = {name: 0 for name in times}
    for incident in Incident.objects.all():
        happened[incident.domain] += len(found[incident.pk])
    assert happened == times, "each happening is counted once"


def _check(at: datetime) -> None:
    for domain in ("host:a", "rack:r"):
        open_ = list(Incident.objects.filter(domain=domain, state__in=UNRESOLVED))
        assert len(open_) <= 1
        for alarm in Alarm.objects.filter(incident__in=open_).exclude(state="ended"):
            incident = open_[0]
            if alarm.state == "raised":
                continue
            assert alarm.acknowledged_by == "ada", "a person has it"
            assert incident.acknowledged_by == "ada"
            if alarm.acknowledged_at is not None and alarm.acknowledged_at < alarm.raised_at:
                assert at - alarm.raised_at < POLICY.most_quiet, "not for longer than a minute"
                assert at - alarm.acknowledged_at <= POLICY.taken_for
