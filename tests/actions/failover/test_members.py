"""When an incident calls a database whole again: never before its lost host has a successor."""

from __future__ import annotations

import pytest

from recovery.core import transitions
from recovery.failover.actions import standing
from recovery.incidents import queries
from recovery.incidents.actions import open_incident
from recovery.incidents.facts import MemberKind, NewMember
from recovery.inventory.facts import Verdict
from tests.actions.failover.fleet import Pair, make_pair
from tests.support.fleet import BY, NOW, lose

pytestmark = pytest.mark.django_db


def serving() -> Pair:
    """A pair that serves, on living hosts, with an incident about it."""
    pair = make_pair()
    standing.resume_database(database=pair.database, actor=BY, reason="test", now=NOW)
    for host in pair.hosts.values():
        if host.verdict != Verdict.ALIVE:
            transitions.move(host, Verdict.ALIVE, actor=BY, reason="test", now=NOW)
    open_incident(
        domain="host:x",
        title="1 host lost",
        summary="",
        happened_at=NOW,
        members=[NewMember(MemberKind.DATABASE, str(pair.database.pk), "orders")],
        actor=BY,
        reason="test",
        now=NOW,
    )
    return pair


def said() -> tuple[bool, str]:
    (fact,) = queries.incident_facts(now=NOW)
    (member,) = fact.members
    return member.is_whole, member.reason


def test_it_is_whole_with_a_primary_and_a_standby_on_living_hosts() -> None:
    serving()
    assert said() == (True, "orders accepts writes, and a standby could take over")


def test_a_row_that_still_says_serving_is_not_believed_about_a_lost_host() -> None:
    pair = serving()
    lose(pair.hosts["par1-r1-h1"])
    assert said() == (False, "orders has its primary on par1-r1-h1, which is lost")


def test_a_standby_on_a_lost_host_could_not_take_over() -> None:
    pair = serving()
    lose(pair.hosts["par1-r2-h1"])
    assert said()[0] is False
