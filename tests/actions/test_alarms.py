"""An alarm is a row of its verdict's transaction, delivered until a channel accepts it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from django.db import transaction
from pytest_django import Settings

from recovery import wiring
from recovery.alarms import actions
from recovery.alarms.cycle import end_storm
from recovery.alarms.facts import Audience, Severity
from recovery.alarms.models import Alarm, Channel, Delivery
from recovery.audit.facts import Actor
from recovery.audit.models import AuditEntry
from recovery.core import control
from recovery.core.clock import ManualClock
from recovery.core.errors import Conflict
from recovery.incidents import actions as incidents
from recovery.incidents.facts import MemberKind, NewMember
from recovery.incidents.models import Incident
from recovery.notifier.run import deliver
from tests.support.fleet import BY, NOW
from tests.support.own import free_port

pytestmark = pytest.mark.django_db


class Mailbox(Message):
    """What a real SMTP server took."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[tuple[str, str]] = []

    def handle_message(self, message: object) -> None:
        assert hasattr(message, "__getitem__")
        self.got.append((message["Subject"], message["X-Tocsin-Key"]))


@pytest.fixture
def mailbox(settings: Settings) -> Iterator[Mailbox]:
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=free_port())
    server.start()
    settings.TOCSIN_MAIL_PORT = server.port
    try:
        yield box
    finally:
        server.stop()


def channel(address: str = "ops@example.invalid") -> Channel:
    return actions.register_channel(
        name="ops", kind="mail", address=address, actor=BY, reason="test", now=NOW
    )


def incident() -> Incident:
    return incidents.open_incident(
        domain="host:h1",
        title="1 host lost in PAR1",
        summary="",
        happened_at=NOW,
        members=[NewMember(MemberKind.HOST, "h1", "par1-r1-h1", is_cause=True)],
        actor=BY,
        reason="silent to 5 of 5 observers",
        now=NOW,
    )


def alarm(about: Incident | None = None) -> Alarm:
    return actions.raise_alarm(
        key="host:h1",
        severity=Severity.PAGE,
        title="1 host lost in PAR1",
        body="par1-r1-h1 is silent.",
        incident=about,
        actor=BY,
        reason="lost",
        now=NOW,
    )


def test_an_alarm_without_its_transaction_leaves_no_message_behind() -> None:
    channel()

    def verdict_that_fails() -> None:
        with transaction.atomic():
            alarm()
            raise RuntimeError("the verdict could not be written")

    with pytest.raises(RuntimeError, match="verdict"):
        verdict_that_fails()
    assert not Alarm.objects.exists()
    assert not Delivery.objects.exists()


def test_raising_twice_rings_once() -> None:
    channel()
    assert alarm() == alarm()
    assert Delivery.objects.count() == 1


def test_customers_get_what_they_are_told_once_and_never_an_alarm(mailbox: Mailbox) -> None:
    channel()
    actions.register_channel(
        name="customers",
        kind="mail",
        address="all@example.invalid",
        audience=Audience.CUSTOMERS,
        actor=BY,
        reason="test",
        now=NOW,
    )
    alarm()
    for _ in range(2):
        row = actions.send_message(
            key="drp:1",
            audience=Audience.CUSTOMERS,
            title="It is over.",
            body="It is over.",
            actor=BY,
            reason="test",
            now=NOW,
        )
    assert row.state == "ended", "nobody has to take it"
    told = Delivery.objects.order_by("pk").values_list("channel__name", "subject")
    assert list(told) == [("ops", "ALARM 1 host lost in PAR1"), ("customers", "It is over.")]
    for delivery in actions.claim_deliveries(now=NOW):
        deliver(delivery, ManualClock(NOW))
    assert sorted(subject for subject, _ in mailbox.got) == [
        "ALARM 1 host lost in PAR1",
        "It is over.",
    ]


def test_a_message_is_delivered_by_mail_with_the_servers_own_receipt(mailbox: Mailbox) -> None:
    channel()
    alarm()
    clock = ManualClock(NOW)
    for delivery in actions.claim_deliveries(now=NOW):
        deliver(delivery, clock)
    sent = Delivery.objects.get()
    assert sent.state == "accepted"
    assert sent.receipt.startswith("250")
    assert mailbox.got == [("ALARM 1 host lost in PAR1", f"alarm-{sent.alarm_id}-{sent.pk}")]


def test_a_refused_message_is_tried_again_later_and_says_why(settings: Settings) -> None:
    settings.TOCSIN_MAIL_PORT = free_port()
    channel()
    alarm()
    deliver(actions.claim_deliveries(now=NOW)[0], ManualClock(NOW))
    kept = Delivery.objects.get()
    assert kept.state == "waiting"
    assert "refused" in kept.last_error.lower()
    assert not actions.claim_deliveries(now=NOW)
    assert actions.claim_deliveries(now=NOW + timedelta(seconds=1))


def test_a_message_whose_notifier_died_is_claimed_again() -> None:
    channel()
    alarm()
    assert actions.claim_deliveries(now=NOW)
    assert not actions.claim_deliveries(now=NOW + timedelta(seconds=10))
    assert actions.claim_deliveries(now=NOW + timedelta(seconds=actions.CLAIM_SECONDS))


def test_the_address_of_a_channel_is_not_in_the_log() -> None:
    channel("very-secret@example.invalid")
    assert not [e for e in AuditEntry.objects.all() if "very-secret" in str(e.body)]


def test_taking_an_incident_silences_its_alarms_and_happens_once() -> None:
    about = incident()
    ringing = alarm(about)
    person = Actor("person", "amelie")
    taken = actions.acknowledge_incident(incident=about, actor=person, reason="", now=NOW)
    ringing.refresh_from_db()
    assert (taken.state, taken.acknowledged_by) == ("acknowledged", "amelie")
    assert (ringing.state, ringing.acknowledged_by) == ("acknowledged", "amelie")
    with pytest.raises(Conflict, match="already acknowledged by amelie"):
        actions.acknowledge_incident(incident=taken, actor=person, reason="", now=NOW)


def test_a_second_loss_in_the_same_domain_joins_the_incident() -> None:
    first = incident()
    assert incident() == first
    assert Incident.objects.count() == 1


def test_an_ended_alarm_tells_those_who_were_told() -> None:
    channel()
    alarm()
    ended = actions.end_alarms(keys=["host:h1"], actor=BY, reason="It answers.", now=NOW)
    assert [a.key for a in ended] == ["host:h1"]
    assert set(Delivery.objects.values_list("subject", flat=True)) == {
        "ALARM 1 host lost in PAR1",
        "Over: 1 host lost in PAR1",
    }
    assert alarm().state == "raised"


def flood(alarms: int = 40) -> None:
    """One a second."""
    for n in range(alarms):
        actions.raise_alarm(
            key=f"host:{n}",
            severity=Severity.PAGE,
            title=f"h{n} is lost",
            body="",
            incident=None,
            actor=BY,
            reason="lost",
            now=NOW + timedelta(seconds=n),
        )


def test_a_flood_is_sent_as_one_storm_and_every_alarm_still_stands() -> None:
    channel()
    flood()
    assert Alarm.objects.filter(state="raised").count() == 41
    storm = Delivery.objects.filter(alarm__key="storm").order_by("next_at")
    assert Delivery.objects.count() == 10 + len(storm)
    assert [delivery.next_at - NOW for delivery in storm] == [
        timedelta(seconds=10),
        timedelta(seconds=40),
    ]


def test_what_a_storm_swallows_is_told_in_its_next_message() -> None:
    channel()
    flood()
    first, second = Delivery.objects.filter(alarm__key="storm").order_by("next_at")
    assert (first.subject, second.subject) == (
        "ALARM (storm, message 1) h10 is lost",
        "ALARM (storm, message 2) h11 is lost",
    )
    assert all(f"h{n} is lost" in second.text for n in range(11, 40))


def test_after_a_quiet_spell_in_a_storm_the_next_alarm_is_sent_at_once() -> None:
    channel()
    flood(11)
    late = NOW + timedelta(minutes=2)
    actions.raise_alarm(
        key="host:x",
        severity=Severity.PAGE,
        title="x is lost",
        body="",
        incident=None,
        actor=BY,
        reason="lost",
        now=late,
    )
    newest = Delivery.objects.order_by("-next_at")[0]
    assert (newest.next_at, newest.alarm.key) == (late, "storm")
    assert "x is lost" in newest.subject


def test_a_storm_is_over_when_alarms_come_singly_again() -> None:
    test_a_flood_is_sent_as_one_storm_and_every_alarm_still_stands()
    control.take_lead("test", seen_epoch=0, now=NOW)
    leader = Actor("controller", "test", 1)
    storm = Alarm.objects.get(key="storm")
    end_storm(actor=leader, now=NOW + timedelta(minutes=5))
    storm.refresh_from_db()
    assert storm.state == "raised"
    end_storm(actor=leader, now=NOW + timedelta(minutes=11))
    storm.refresh_from_db()
    assert storm.state == "ended"


class Broken:
    """A channel with a fault in it."""

    def send(self, **_: str) -> str:
        raise ValueError("Port out of range 0-65535")


def test_an_error_of_a_channel_that_nobody_foresaw_is_a_try_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    channel()
    actions.raise_alarm(
        key="x", severity=Severity.PAGE, title="x", body="", incident=None, actor=BY, reason="x",
        now=NOW,
    )  # fmt: skip
    monkeypatch.setattr(wiring, "notifier_for", lambda kind, address: Broken())
    (due,) = actions.claim_deliveries(now=NOW)
    deliver(due, ManualClock(NOW))
    due.refresh_from_db()
    assert (due.state, due.last_error) == ("waiting", "ValueError: Port out of range 0-65535")
