"""What flaps is one incident and one alarm, told as such, and never told falsely as over."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from recovery.alarms import actions as alarms
from recovery.alarms.decide import FLAP, OVER_AFTER, SAME_WITHIN, Again, again
from recovery.alarms.facts import Severity
from recovery.alarms.models import Alarm, Delivery
from recovery.audit.facts import Actor
from recovery.core.errors import Conflict
from recovery.detection.actions import BLIND, go_blind, see_again
from recovery.incidents import actions, screens
from recovery.incidents.models import Incident, Member
from tests.actions.test_alarms import channel
from tests.support.fleet import BY, NOW

pytestmark = pytest.mark.django_db
PERSON = Actor("person", "amelie")
SECOND = timedelta(seconds=1)


def blind(at: datetime) -> Incident:
    go_blind(reasons=["No digest."], actor=BY, now=at)
    return Incident.objects.get(domain=BLIND, state__in=["open", "acknowledged"])


def over(at: datetime) -> None:
    """It sees again, and stayed so."""
    see_again(actor=BY, now=at)
    incident = Incident.objects.exclude(state="resolved").get()
    [member] = Member.objects.filter(incident=incident)
    actions.mark_whole(incident=incident, members={member.pk: "sees"}, actor=BY, now=at)
    whole = actions.mitigate_incident(incident=incident, actor=BY, reason="sees", now=at)
    actions.resolve_incident(incident=whole, actor=BY, reason="it stayed so", now=at)


def test_what_breaks_again_within_minutes_is_the_same_incident_with_a_count() -> None:
    for n in range(5):
        blind(NOW + n * timedelta(minutes=1))
        over(NOW + n * timedelta(minutes=1) + 30 * SECOND)
    [view] = screens.recent_incidents()
    assert view.reopened == 4
    assert Alarm.objects.count() == 1, "and one alarm: many of it are no storm"


def test_its_clocks_begin_with_the_happening_that_lasts() -> None:
    blind(NOW)
    over(NOW + 30 * SECOND)
    later = NOW + timedelta(minutes=5)
    again_ = blind(later)
    assert (again_.happened_at, again_.opened_at, again_.resolved_at) == (later, later, None)
    assert Member.objects.get(incident=again_).since == later


def test_what_breaks_after_a_long_rest_is_another_incident() -> None:
    first = blind(NOW)
    over(NOW)
    assert blind(NOW + SAME_WITHIN) != first


def test_who_took_it_keeps_it() -> None:
    incident = blind(NOW)
    alarms.acknowledge_incident(incident=incident, actor=PERSON, reason="", now=NOW)
    over(NOW + 30 * SECOND)
    back = blind(NOW + 60 * SECOND)
    assert (back.state, back.acknowledged_by) == ("acknowledged", "amelie")
    assert Alarm.objects.get().state == "acknowledged", "it flaps: it does not ring them each time"


def test_after_a_rest_it_rings_again_whoever_had_it() -> None:
    incident = blind(NOW)
    alarms.acknowledge_incident(incident=incident, actor=PERSON, reason="", now=NOW)
    over(NOW + 30 * SECOND)
    back = blind(NOW + 31 * SECOND + FLAP)
    assert (back, Alarm.objects.get().state) == (incident, "raised")


@pytest.mark.parametrize(
    ("ended", "is_taken", "how"),
    [
        (None, False, Again.ANOTHER),
        (SAME_WITHIN + SECOND, True, Again.ANOTHER),
        (SAME_WITHIN, False, Again.RINGS),
        (FLAP, False, Again.RINGS),
        (FLAP, True, Again.TAKEN),
        (FLAP + SECOND, True, Again.RINGS),
    ],
)
def test_how_an_alarm_is_back(ended: timedelta | None, is_taken: bool, how: Again) -> None:
    at = None if ended is None else NOW - ended
    assert again(at, is_taken=is_taken, now=NOW) is how


def test_an_all_clear_that_has_not_left_is_withdrawn_and_nothing_is_sent() -> None:
    channel()
    blind(NOW)
    over(NOW)
    assert Delivery.objects.filter(subject__startswith="Over").get().next_at == NOW + OVER_AFTER
    blind(NOW + OVER_AFTER / 2)
    assert [told.subject for told in Delivery.objects.all()] == [
        "ALARM Tocsin is blind: nothing is decided"
    ]


def test_who_was_told_that_it_is_over_is_told_that_it_is_back_each_time() -> None:
    channel()
    for n in range(3):
        blind(NOW + n * timedelta(minutes=2))
        over(NOW + n * timedelta(minutes=2) + SECOND)
    title = "Tocsin is blind: nothing is decided"
    assert [told.subject for told in Delivery.objects.order_by("queued_at", "pk")] == [
        f"ALARM {title}",
        f"Over: {title}",
        f"ALARM again (2) {title}",
        f"Over (2): {title}",
        f"ALARM again (3) {title}",
        f"Over (3): {title}",
    ]


def test_an_alarm_of_another_incident_is_another_alarm() -> None:
    incident = blind(NOW)
    for about in (None, incident):
        alarms.raise_alarm(
            key="x", severity=Severity.PAGE, title="x", body="", incident=about, actor=BY,
            reason="x", now=NOW,
        )  # fmt: skip
        alarms.end_alarms(keys=["x"], actor=BY, reason="x", now=NOW)
    assert Alarm.objects.filter(key="x").count() == 2


def test_an_alarm_that_ended_is_not_raised_by_acknowledging_it() -> None:
    blind(NOW)
    over(NOW)
    with pytest.raises(Conflict, match="It is ended already"):
        alarms.acknowledge_alarm(alarm=Alarm.objects.get(), actor=PERSON, reason="", now=NOW)
