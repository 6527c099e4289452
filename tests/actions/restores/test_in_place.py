"""Back in time in its own place: it serves until what was restored is proven, nobody else leads
from the switch on, and whatever dies, the old data serve or the new ones do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recovery.core import transitions
from recovery.core.errors import Conflict, Refused
from recovery.failover.actions import failovers, moves, people, standing
from recovery.failover.models import Failover, Lease
from recovery.failover.phases import FailoverKind
from recovery.failover.phases import Phase as FailoverPhase
from recovery.gateway.databases import databases_of
from recovery.incidents.models import Incident
from recovery.inventory.facts import DatabaseState, ReplicaState, Role, Verdict
from recovery.inventory.models import Database, Host, Replica
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation
from recovery.restores import actions
from recovery.restores.lost import LeaseSight
from recovery.restores.queries import Leases
from tests.actions.restores.ground import FIRST, POINT, Ground, make_ground
from tests.actions.restores.test_business import SEEN, Pair, renew
from tests.actions.restores.test_business import pair as pair  # noqa: PLC0414 - a fixture
from tests.actions.restores.test_killed import (
    Carrying,
    Mortal,
    Story,
    called_off_while_it_runs,
    ending,
    less_than_agreed,
    of_unknown_outcome,
    told_without_a_death,
)
from tests.actions.restores.told import gave_up, roles, see
from tests.support.fleet import BY, NOW, lose

pytestmark = pytest.mark.django_db
TO = POINT - timedelta(minutes=3)
"""The moment before somebody dropped a table."""


def make_serving() -> Ground:
    """`notes` serves on par1-r1-h1."""
    ground = make_ground()
    host = Host.objects.get(name="par1-r1-h1")
    transitions.move(host, Verdict.ALIVE, actor=BY, reason="It is back.", now=NOW)
    ground.serve()
    return ground


def begun() -> Ground:
    ground = make_serving()
    ground.ask(in_place=True, to=TO)
    ground.give()
    return ground


def switched() -> Ground:
    ground = begun()
    ground.carry_on()
    ground.prove(TO)
    assert ground.carry_on() == "switch"
    return ground


def adopts(database: Database) -> list[str]:
    """What the hosts are told to lead it with."""
    told = databases_of([host.pk for host in Host.objects.all()])
    return [spec.adopts for specs in told.values() for spec in specs if spec.name == database.name]


def test_a_starter_database_goes_back_where_it_is_and_serves_until_what_replaces_it_is_proven() -> (
    None
):
    ground = make_serving()
    asked = ground.ask(in_place=True, to=TO)
    assert asked.host.name == "par1-r1-h1"
    assert "acknowledged after 23 Nov 03:03:20 UTC, and all" in asked.vouch.risk
    assert "set aside there, for 14 days" in asked.vouch.risk
    assert ground.carry_on() == "asked", "one word does nothing"
    ground.give()
    assert ground.carry_on() == "restore"
    before = ground.database
    assert (before.state, before.epoch, before.adopting) == ("serving", 1, None)
    assert ground.order(Verb.RESTORE).params["to"] > 0
    ground.prove(TO)
    assert ground.carry_on() == "switch"
    row, moved = ground.restore, ground.database
    assert (moved.state, moved.epoch, moved.adopting) == ("waiting", 2, row.pk)
    assert moved.primary is not None
    assert moved.primary.host.name == "par1-r1-h1"
    assert adopts(moved) == [str(row.pk)]
    ground.answer(Verb.ADOPT, OperationState.DONE, "its data are in place")
    assert ground.carry_on() == "route"
    assert ground.database.adopting == row.pk, "nothing is restarted before they serve"
    ground.serve()
    assert ground.carry_on() == "done"
    after = ground.database
    assert (after.state, after.epoch, after.adopting) == ("serving", 2, None)
    assert adopts(after) == [""]
    assert not Incident.objects.filter(opened_at__gt=NOW).exists()


def test_it_is_refused_while_its_host_is_not_alive_or_it_fails_over(pair: Pair) -> None:
    failovers.begin_failover(
        database=pair.database,
        kind=FailoverKind.RESTART,
        source=pair.replica,
        incident=None,
        happened_at=NOW,
        actor=BY,
        reason="It crashed.",
        now=NOW,
    )
    with pytest.raises(Refused, match="a restart of notes, is under way"):
        pair.ask(in_place=True)
    row = Failover.objects.get()
    failovers.advance_failover(
        failover=row, to=FailoverPhase.ABANDONED, actor=BY, reason="test", now=NOW
    )
    lose(pair.hosts["par1-r1-h1"])
    with pytest.raises(Refused, match="par1-r1-h1 is lost: what is lost is restored on another"):
        pair.ask(in_place=True)


def go_back(pair: Pair) -> Database:
    pair.ask(in_place=True, to=TO)
    pair.give()
    assert pair.carry_on() == "restore"
    pair.prove(TO)
    pair.carry_on()
    return pair.database


def test_a_business_database_leads_alone_and_nobody_else_can_from_the_switch_on(
    pair: Pair,
) -> None:
    asked = pair.ask(in_place=True, to=TO)
    assert "Its standbys are given up" in asked.vouch.risk
    pair.give()
    pair.carry_on()
    assert not Lease.objects.get().revoked
    assert Replica.objects.get(number=2).state == ReplicaState.MEMBER, "until the switch"
    pair.prove(TO)
    assert pair.carry_on() == "switch"
    moved = pair.database
    assert (moved.state, moved.adopting) == ("waiting", pair.restore.pk)
    assert Lease.objects.get().revoked
    other = Replica.objects.get(number=2)
    assert (other.state, other.role) == (ReplicaState.MEMBER, Role.OUT), "set apart, not given up"
    assert roles() == {1: "primary", 2: "out"}
    assert moved.degraded_at is not None
    assert "set apart while a restore" in moved.degraded_reason
    with pytest.raises(Conflict, match="takes the place of notes's data"):
        failovers.begin_failover(
            database=moved,
            kind=FailoverKind.FAILOVER,
            source=pair.replica,
            incident=None,
            happened_at=NOW,
            actor=BY,
            reason="Its server is down.",
            now=NOW,
        )
    with pytest.raises(Refused, match="does not serve"):
        people.request_switchover(
            database=moved,
            target=Replica.objects.get(number=2),
            actor=FIRST,
            reason="test",
            now=NOW,
        )
    pair.answer(Verb.ADOPT, OperationState.DONE, "its data are in place")
    assert pair.carry_on() == "route"
    pair.serve()
    assert pair.carry_on() == "done"
    assert Replica.objects.get(number=2).state == ReplicaState.RETIRED
    assert "has no standby yet" in pair.database.degraded_reason
    ((spec,),) = databases_of([host.pk for host in Host.objects.all()]).values()
    assert (spec.role, spec.epoch, spec.lease, spec.degraded) == ("primary", 2, None, True)


def test_a_renewal_between_the_look_and_the_switch_puts_it_off_by_a_round(pair: Pair) -> None:
    sequence = SEEN

    class Late(Leases):
        def sight(self, database: Database) -> LeaseSight | None:
            nonlocal sequence
            seen = super().sight(database)
            sequence += 1
            renew(sequence)
            return seen

    pair.ask(in_place=True, to=TO)
    pair.give()
    pair.carry_on()
    pair.prove(TO)
    pair.leases = Late()
    assert pair.carry_on() == "verify"
    assert not Lease.objects.get().revoked
    assert pair.database.epoch == 1
    pair.leases = Leases()
    assert pair.carry_on() == "switch"
    assert Lease.objects.get().revoked


def test_a_failover_that_begins_before_the_switch_is_waited_for_and_ends_it_by_its_epoch(
    pair: Pair,
) -> None:
    pair.ask(in_place=True, to=TO)
    pair.give()
    pair.carry_on()
    pair.prove(TO)
    words = {"actor": BY, "reason": "test", "now": NOW}
    failovers.begin_failover(
        database=pair.database,
        kind=FailoverKind.FAILOVER,
        source=pair.replica,
        incident=None,
        happened_at=NOW,
        **words,  # type: ignore[arg-type]
    )
    assert pair.carry_on() == "restore"
    seen = (pair.database.epoch, 1, SEEN)
    failovers.revoke_primary(failover=pair.failover, proof=None, seen=seen, **words)  # type: ignore[arg-type]
    assert pair.carry_on() == "abandoned"
    assert "both words were about another" in pair.restore.end_reason
    assert pair.database.adopting is None


def test_one_that_does_not_serve_is_waited_for(pair: Pair) -> None:
    pair.ask(in_place=True, to=TO)
    pair.give()
    pair.carry_on()
    standing.await_host(database=pair.database, actor=BY, reason="test", now=NOW)
    pair.prove(TO)
    assert pair.carry_on() == "restore"
    assert pair.restore.new_epoch is None
    pair.serve()
    assert pair.carry_on() == "switch"


def test_while_the_data_are_put_in_place_it_is_not_moved_with_its_disk() -> None:
    ground = switched()
    with pytest.raises(Refused, match="gets its restored data where it is"):
        moves.ask_move(
            database=ground.database,
            host=ground.other,
            typed="notes",
            actor=FIRST,
            reason="test",
            now=ground.now,
        )


def done_in_place(ground: Ground, carry: Carrying) -> None:
    carry()
    ground.prove(TO)
    carry()
    ground.answer(Verb.ADOPT, OperationState.DONE, "its data are in place")
    carry()
    ground.serve()
    carry()


def not_to_be_put_in_place(ground: Ground, carry: Carrying) -> None:
    carry()
    ground.prove(TO)
    carry()
    ground.answer(Verb.ADOPT, OperationState.FAILED, "the disk is away")
    ground.now += timedelta(seconds=6)
    carry()
    ground.answer(Verb.ADOPT, OperationState.FAILED, "the disk is away")
    ground.now += timedelta(seconds=6)
    carry()


def put_in_place_by_the_list_alone(ground: Ground, carry: Carrying) -> None:
    """Its agent says so before it could say how the order went."""
    carry()
    ground.prove(TO)
    carry()
    ground.serve()
    carry()


def its_host_is_lost_after_the_switch(ground: Ground, carry: Carrying) -> None:
    carry()
    ground.prove(TO)
    carry()
    lose(ground.restore.host)
    carry()


def called_off_after_its_switch(ground: Ground, carry: Carrying) -> None:
    carry()
    ground.prove(TO)
    carry()
    ground.answer(Verb.ADOPT, OperationState.DONE, "its data are in place")
    carry()
    actions.call_off(restore=ground.restore, actor=FIRST, reason="Enough.", now=ground.now)
    carry()


def it_does_not_start(ground: Ground, carry: Carrying) -> None:
    carry()
    ground.prove(TO)
    carry()
    ground.answer(Verb.ADOPT, OperationState.DONE, "its data are in place")
    carry()
    see(ground, 1, "failed", "start: ended while it started")
    ground.now += timedelta(minutes=2)
    carry()


GIVEN_UP: tuple[Story, ...] = (
    not_to_be_put_in_place,
    its_host_is_lost_after_the_switch,
    called_off_after_its_switch,
    it_does_not_start,
)
STORIES: tuple[Story, ...] = (
    done_in_place,
    put_in_place_by_the_list_alone,
    called_off_while_it_runs,
    of_unknown_outcome,
    less_than_agreed,
    *GIVEN_UP,
)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__.replace("_", " "))
def test_a_leader_killed_at_each_step_changes_no_ending(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = told_without_a_death(story, begun)
    ground = begun()
    mortal = Mortal(ground, monkeypatch)
    story(ground, mortal.carry)
    assert ending(ground) == wanted
    assert mortal.deaths >= 1
    database = ground.database
    assert database.adopting is None, "whatever is in its place may lead"
    assert database.primary is not None
    if wanted.phase == "done":
        assert (wanted.state, wanted.epoch) == ("serving", 2)
    elif story in GIVEN_UP:
        assert gave_up(database) == {"par1-r1-h1": (str(ground.restore.pk),)}
        assert wanted.epoch == 3, "an order to adopt that is on its way is late"
        assert database.state == DatabaseState.WAITING
        assert Operation.objects.filter(verb=Verb.DISCARD).count() == 1
    else:
        assert (wanted.state, wanted.epoch) == ("serving", 1), "as if nothing had been"


def test_it_can_be_called_off_until_it_serves_and_goes_on_serving() -> None:
    ground = begun()
    ground.carry_on()
    actions.call_off(restore=ground.restore, actor=FIRST, reason="Found it.", now=ground.now)
    assert ground.carry_on() == "abandoned"
    assert (ground.database.state, ground.database.epoch) == ("serving", 1)
    again = switched_again(ground)
    again.serve()
    assert again.carry_on() == "done"
    with pytest.raises(Refused, match="too late to call it off"):
        actions.call_off(restore=again.restore, actor=FIRST, reason="No.", now=again.now)


def switched_again(ground: Ground) -> Ground:
    ground.now += timedelta(seconds=30)
    ground.ask(in_place=True, to=TO)
    ground.give()
    ground.carry_on()
    ground.prove(TO)
    assert ground.carry_on() == "switch"
    return ground
