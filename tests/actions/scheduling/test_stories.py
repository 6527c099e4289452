"""What the story of an incident says of new seats: why each was begun, and no more than was so."""

from __future__ import annotations

import pytest

from recovery.audit.facts import Actor
from recovery.incidents.actions import open_incident
from recovery.incidents.facts import MemberKind, NewMember
from recovery.incidents.models import TimelineEntry
from recovery.inventory import actions as inventory
from recovery.inventory.facts import ApplicationKind, Replace, Verdict
from recovery.inventory.models import Host, Placement
from recovery.scheduling.cycle import reschedule
from tests.actions.scheduling.fleet import NOW, SAID, application, hosts, judge, lead, obey

pytestmark = pytest.mark.django_db


def hurt(kind: ApplicationKind = ApplicationKind.STATELESS) -> tuple[Actor, Host]:
    """A controller, and the host of one container that an incident is about."""
    hosts("a", "b")
    shop = application("shop", kind=kind)
    me = lead()
    reschedule(actor=me, now=NOW)
    obey()
    open_incident(
        domain="datacenter:A", title="A was lost", summary="", happened_at=NOW,
        members=[NewMember(MemberKind.APPLICATION, str(shop.pk), "shop")], **SAID,
    )  # fmt: skip
    return me, Placement.objects.get().host


def told() -> list[tuple[str, str]]:
    rows = TimelineEntry.objects.exclude(kind="opened").order_by("recorded_at", "pk")
    return [(row.kind, row.said.split(":")[0]) for row in rows]


@pytest.mark.parametrize("kind", [ApplicationKind.STATELESS, ApplicationKind.SINGLETON])
def test_of_a_move_nothing_is_said_to_be_suspected(kind: ApplicationKind) -> None:
    me, home = hurt(kind)
    inventory.drain_host(host=home, **SAID)
    for _ in range(4):
        reschedule(actor=me, now=NOW)
        obey()
    assert Placement.objects.get(state="running").host != home
    assert told() == [
        ("placed beside", "1 container placed beside the old one, which is moved from"),
        ("took over", "1 container took over"),
    ]


def test_what_was_begun_on_suspicion_is_said_to_be() -> None:
    me, home = hurt()
    judge(home, Verdict.SUSPECT, Replace.PROVISIONAL)
    reschedule(actor=me, now=NOW)
    obey()
    judge(home, Verdict.LOST, Replace.ALLOWED)
    reschedule(actor=me, now=NOW)
    assert sorted(told()) == [
        ("confirmed", "1 container begun while it was only suspected"),
        ("placed ahead", "1 container placed ahead, on suspicion"),
    ]
