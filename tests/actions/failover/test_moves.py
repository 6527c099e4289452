"""A starter database goes to another host with its disk: two people, and nothing empty."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Conflict, Refused
from recovery.failover.actions import moves, people, standing
from recovery.failover.models import Vouch
from recovery.gateway.databases import databases_of
from recovery.inventory.facts import DatabaseState, Durability, Plan, Profile, Role
from recovery.inventory.models import Database, Epoch, Host, Replica
from tests.actions.failover.fleet import copy, describe, make_pair
from tests.support.fleet import BY, NOW, lose, make_fleet

pytestmark = pytest.mark.django_db
FIRST, SECOND = Actor("person", "amelie"), Actor("person", "bruno")


@dataclass
class Waiting:
    """A starter database whose host is lost, and the others of its datacenter."""

    hosts: dict[str, Host]
    replica: Replica

    @property
    def database(self) -> Database:
        return Database.objects.get(name="notes")

    @property
    def other(self) -> Host:
        return self.hosts["par1-r2-h1"]

    def ask(self, host: Host | None = None, now: datetime = NOW) -> Vouch:
        return moves.ask_move(
            database=self.database,
            host=host or self.other,
            actor=FIRST,
            reason="Its board is dead.",
            now=now,
        )

    def give(self, vouch: Vouch, actor: Actor = SECOND, now: datetime = NOW) -> Database:
        return moves.give_move(vouch=vouch, actor=actor, reason="I moved the disk.", now=now)


@pytest.fixture
def waiting() -> Waiting:
    hosts = make_fleet().hosts
    database = describe(
        "notes", plan=Plan.STARTER, durability=Durability.ASYNCHRONOUS, profile=Profile.STANDARD
    )
    replica = copy(database, hosts["par1-r1-h1"], 1, Role.PRIMARY)
    database.refresh_from_db()
    standing.resume_database(database=database, actor=BY, reason="It serves.", now=NOW)
    database.refresh_from_db()
    lose(hosts["par1-r1-h1"])
    standing.await_host(database=database, actor=BY, reason="Its host is lost.", now=NOW)
    return Waiting(hosts, replica)


def test_two_people_move_it_and_it_waits_for_its_disk_at_a_higher_epoch(waiting: Waiting) -> None:
    since = waiting.database.state_at
    vouch = waiting.ask()
    assert waiting.database.primary == waiting.replica
    assert Replica.objects.get().host.name == "par1-r1-h1", "one word does nothing"
    moved = waiting.give(vouch)
    assert Replica.objects.get().host == waiting.other
    assert (moved.state, moved.epoch, moved.primary) == ("waiting", 2, waiting.replica)
    assert moved.state_at == since, "it has waited since then"
    assert "waits for the disk of par1-r1-h1 on par1-r2-h1" in moved.state_reason
    assert Epoch.objects.get(number=2).replica == waiting.replica
    used = Vouch.objects.get()
    assert (used.state, used.requested_by, used.given_by) == ("used", "amelie", "bruno")


def test_only_the_new_host_is_told_to_serve_it(waiting: Waiting) -> None:
    old = waiting.replica.host
    waiting.give(waiting.ask())
    told = databases_of([old.pk, waiting.other.pk])
    assert old.pk not in told
    (spec,) = told[waiting.other.pk]
    assert (spec.role, spec.epoch) == ("primary", 2)
    assert [member.address for member in spec.members] == [waiting.other.address]


def test_the_second_word_is_somebody_elses(waiting: Waiting) -> None:
    vouch = waiting.ask()
    with pytest.raises(Refused, match="the second one is somebody else's"):
        waiting.give(vouch, FIRST)
    with pytest.raises(Conflict, match="vouches for notes already"):
        waiting.ask()


def test_a_word_runs_out_and_serves_once(waiting: Waiting) -> None:
    vouch = waiting.ask()
    late = NOW + timedelta(minutes=31)
    with pytest.raises(Refused, match="run out"):
        waiting.give(vouch, now=late)
    again = waiting.ask(now=late)
    waiting.give(again, now=late)
    with pytest.raises(Refused, match="That word is used"):
        waiting.give(Vouch.objects.get(pk=again.pk), now=late)


def test_its_hosts_return_ends_the_wait_and_refuses_the_move(waiting: Waiting) -> None:
    vouch = waiting.ask()
    standing.resume_database(database=waiting.database, actor=BY, reason="Back.", now=NOW)
    with pytest.raises(Refused, match="what serves is not moved"):
        waiting.give(vouch)
    assert Replica.objects.get().host.name == "par1-r1-h1"


def test_where_it_may_not_go_is_said(waiting: Waiting) -> None:
    hosts = waiting.hosts
    with pytest.raises(Refused, match="is on par1-r1-h1 already"):
        waiting.ask(hosts["par1-r1-h1"])
    far = next(host for name, host in hosts.items() if not name.startswith("par1"))
    with pytest.raises(Refused, match="recovery plan"):
        waiting.ask(far)


def test_a_cordoned_host_takes_nothing_new(waiting: Waiting) -> None:
    cordon = {"cordoned_at": NOW, "cordon_reason": "x"}
    closed = transitions.amend(
        waiting.other, cordon, action="cordoned", actor=BY, reason="x", now=NOW
    )
    with pytest.raises(Refused, match="is cordoned"):
        waiting.ask(closed)


def test_a_taken_port_and_a_lost_host_are_said(waiting: Waiting) -> None:
    copy(describe("more", port=15432), waiting.other, 1, Role.PRIMARY)
    with pytest.raises(Refused, match=r"Port 15432 of par1-r2-h1 is taken by more-1"):
        waiting.ask()
    lose(waiting.other)
    with pytest.raises(Refused, match="is lost"):
        waiting.ask(Host.objects.get(pk=waiting.other.pk))


def test_a_business_database_is_not_moved_and_no_word_for_one_act_serves_another() -> None:
    pair = make_pair()
    with pytest.raises(Refused, match="fails over to its standby"):
        moves.ask_move(
            database=pair.database,
            host=pair.standby.host,
            actor=FIRST,
            reason="x",
            now=NOW,
        )


def test_a_word_about_a_move_is_no_proof_for_a_promotion(waiting: Waiting) -> None:
    with pytest.raises(Refused, match="about a move, not about a failover"):
        people.give_vouch(vouch=waiting.ask(), actor=SECOND, reason="x", now=NOW)
    assert waiting.database.state == DatabaseState.WAITING
