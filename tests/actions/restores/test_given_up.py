"""A restore in place that does not come to its end: what was there before serves again, with its
standbys, and its host is told so; and a database whose data do not start is restored at all."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recovery.core import control, transitions
from recovery.core.errors import Conflict, Refused
from recovery.core.wire import DatabaseOrder
from recovery.core.wire.databases import UNLISTED
from recovery.failover.actions import failovers
from recovery.failover.actions.epochs import set_role
from recovery.failover.models import Failover
from recovery.failover.phases import FailoverKind
from recovery.failover.phases import Phase as FailoverPhase
from recovery.failover.rounds.rows import read_rows
from recovery.gateway.queries import errands
from recovery.inventory.facts import ReplicaState, Role, Verdict
from recovery.inventory.models import Host, Replica
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation
from recovery.restores.actions import carry
from recovery.restores.decide import next_step
from recovery.restores.facts import Act, Step
from recovery.restores.queries import facts_of, load
from recovery.restores.screens import unfinished
from tests.actions.failover.fleet import copy
from tests.actions.restores.test_business import Pair, make_pair
from tests.actions.restores.test_business import pair as pair  # noqa: PLC0414 - a fixture
from tests.actions.restores.test_in_place import (
    TO,
    called_off_after_its_switch,
    done_in_place,
    go_back,
    it_does_not_start,
    switched,
    switched_again,
)
from tests.actions.restores.test_killed import Mortal, Story
from tests.actions.restores.told import fall_silent, gave_up, roles, see
from tests.support.fleet import BY, NOW, lose

pytestmark = pytest.mark.django_db


def test_what_is_given_up_gets_its_standbys_back_and_its_hosts_are_told(pair: Pair) -> None:
    left = copy(pair.database, pair.hosts["osu2-r1-h1"], 3, Role.STANDBY)
    set_role(replica=left, role=Role.OUT, actor=BY, reason="left out", now=NOW)
    pair.now += timedelta(seconds=1)
    before = pair.database
    go_back(pair)
    for _ in range(2):
        pair.answer(Verb.ADOPT, OperationState.FAILED, "the disk is away")
        pair.carry_on(seconds=6)
    row = pair.restore
    assert row.phase == "abandoned"
    assert "puts what was there before in its place again" in row.end_reason
    after = pair.database
    assert (after.state, after.epoch, after.adopting) == ("waiting", before.epoch + 2, None)
    assert roles() == {1: "primary", 2: "standby", 3: "out"}, "who was left out before stays so"
    assert after.degraded_reason.startswith("A restore in its place was given up")
    assert after.degraded_at is not None, "nobody is promoted before a standby follows again"
    told = {"par1-r1-h1": (str(row.pk),), "par1-r2-h1": (), "osu2-r1-h1": ()}
    assert gave_up(after) == told
    pair.serve()
    assert gave_up(pair.database) == told, "its data may be those, however often it is listed"


def test_a_host_that_was_lost_after_its_adoption_is_told_of_it_until_another_comes_to_its_end() -> (
    None
):
    ground = switched()
    ground.answer(Verb.ADOPT, OperationState.DONE, "its data are in place")
    assert ground.carry_on() == "route"
    assert gave_up(ground.database) == {"par1-r1-h1": ()}
    lose(ground.restore.host)
    assert ground.carry_on() == "abandoned"
    first = str(ground.restore.pk)
    assert gave_up(ground.database) == {"par1-r1-h1": (first,)}
    host = Host.objects.get(name="par1-r1-h1")
    transitions.move(host, Verdict.ALIVE, actor=BY, reason="It is back.", now=NOW)
    ground.serve()
    again = switched_again(ground)
    assert gave_up(again.database) == {"par1-r1-h1": (first,)}
    again.answer(Verb.ADOPT, OperationState.DONE, "its data are in place")
    again.carry_on()
    again.serve()
    assert again.carry_on() == "done"
    assert gave_up(again.database) == {"par1-r1-h1": ()}


def test_what_does_not_start_is_given_up_after_two_minutes_and_says_why() -> None:
    ground = switched()
    ground.answer(Verb.ADOPT, OperationState.DONE, "its data are in place")
    ground.carry_on()
    see(ground, 1, "failed", "start: ended while it started.")
    assert ground.carry_on(seconds=119) == "route"
    assert ground.carry_on(seconds=2) == "abandoned"
    said = ground.restore.end_reason
    assert said.startswith("It did not start within 2 min: start: ended while it started. par1")
    assert gave_up(ground.database) == {"par1-r1-h1": (str(ground.restore.pk),)}


def stuck(pair: Pair) -> None:
    """Its standby's host is lost, and the data of its primary do not start."""
    lose(pair.hosts["par1-r2-h1"])
    see(pair, 1, "failed", "start: could not read pg_control")
    failovers.begin_failover(
        database=pair.database,
        kind=FailoverKind.FAILOVER,
        source=pair.replica,
        incident=None,
        happened_at=NOW,
        actor=BY,
        reason="Its server is failed on a living host.",
        now=NOW,
    )


def test_a_business_database_whose_data_do_not_start_goes_back_where_it_is(pair: Pair) -> None:
    stuck(pair)
    asked = pair.ask(in_place=True, to=TO)
    assert "Its data do not start now" in asked.vouch.risk
    pair.give()
    assert pair.carry_on() == "restore"
    pair.prove(TO)
    assert pair.carry_on() == "switch"
    assert Failover.objects.get().phase == FailoverPhase.ABANDONED, "it had revoked nothing"
    pair.answer(Verb.ADOPT, OperationState.DONE, "its data are in place")
    pair.carry_on()
    pair.serve()
    assert pair.carry_on() == "done"


def test_and_on_another_host_unless_it_starts_before_the_switch(pair: Pair) -> None:
    stuck(pair)
    pair.see_lease()
    asked = pair.ask()
    assert asked.host.name not in {"par1-r1-h1", "par1-r2-h1"}
    pair.give()
    assert pair.carry_on() == "restore"
    pair.prove()
    see(pair, 1, "running")
    assert pair.carry_on() == "abandoned"
    assert "notes-1 on par1-r1-h1 is alive, and runs" in pair.restore.end_reason
    pair.now += timedelta(seconds=30)
    see(pair, 1, "failed")
    pair.ask()
    pair.give()
    pair.carry_on()
    pair.prove()
    assert pair.carry_on() == "switch"
    moved = pair.database
    assert moved.primary is not None
    assert moved.primary.host == pair.restore.host


def test_its_last_word_does_not_stand_for_an_agent_that_nobody_hears(pair: Pair) -> None:
    """Its server may have started since: its disk was freed, and nobody was told."""
    stuck(pair)
    pair.see_lease()
    pair.begin()
    pair.carry_on()
    pair.prove()
    fall_silent(pair, 4.0)
    assert pair.carry_on() == "verify", "it may serve: it is waited for"
    assert pair.database.epoch == pair.restore.old_epoch
    see(pair, 1, "failed")
    assert pair.carry_on() == "switch", "its agent still says so"


def moved_from_a_living_host(pair: Pair) -> None:
    stuck(pair)
    pair.see_lease()
    pair.begin()
    pair.carry_on()
    pair.prove()
    assert pair.carry_on() == "switch"


def adopted(pair: Pair) -> bool:
    pair.carry_on(seconds=6)
    return Operation.objects.filter(verb=Verb.ADOPT).exists()


def test_nothing_is_put_in_place_before_an_old_host_that_lives_signs_that_it_starts_nothing(
    pair: Pair,
) -> None:
    """Its disk may be freed between its last word and its next list."""
    moved_from_a_living_host(pair)
    order = pair.order(Verb.FENCE)
    assert (order.host.name, order.database_epoch) == ("par1-r1-h1", pair.restore.old_epoch)
    (errand,) = errands([order.host_id], epoch=pair.epoch, resend_before=NOW)
    assert isinstance(errand.order, DatabaseOrder)
    assert (errand.order.verb, errand.order.database.epoch) == ("fence", pair.restore.old_epoch)
    assert not adopted(pair), "it was not handed out yet"
    shown = unfinished("notes")
    assert shown is not None
    assert shown.waits_for.startswith("par1-r1-h1 has not said yet that it starts it no more")
    pair.answer(Verb.FENCE, OperationState.DONE, "closed")
    assert pair.order(Verb.FENCE).state == "failed", "nobody signed it"
    assert not adopted(pair)
    assert pair.order(Verb.FENCE).pk != order.pk, "it is asked again"
    pair.answer(Verb.FENCE, OperationState.REFUSED, UNLISTED)
    assert adopted(pair), "its newer list had it ended"
    pair.answer(Verb.ADOPT, OperationState.DONE, "its data are in place")
    assert pair.carry_on() == "route"


def test_its_old_hosts_receipt_is_no_proof_for_a_later_failover(pair: Pair) -> None:
    """It is of the same replica, which is elsewhere now."""
    moved_from_a_living_host(pair)
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
    asked = Operation.objects.filter(verb=Verb.FENCE, replica=pair.replica)
    assert asked.filter(requested_at__gte=NOW).exists()
    orders = read_rows(pair.now).orders[pair.database.pk]
    assert [op.verb for op in orders if op.verb == Verb.FENCE] == []


def test_an_old_host_that_is_lost_after_the_switch_is_waited_for_no_longer(pair: Pair) -> None:
    moved_from_a_living_host(pair)
    assert not adopted(pair)
    lose(pair.hosts["par1-r1-h1"])
    assert adopted(pair)


def test_nobody_agrees_to_a_restore_by_an_old_word(pair: Pair) -> None:
    stuck(pair)
    pair.ask()
    fall_silent(pair, 4.0)
    with pytest.raises(Refused, match="was failed by its agent's last word, and is not heard now"):
        pair.give()


def test_a_word_that_grows_old_between_the_look_and_the_switch_stops_it(pair: Pair) -> None:
    stuck(pair)
    pair.begin()
    pair.carry_on()
    pair.prove()
    assert pair.carry_on() == "verify", "this leader has not looked at the lease yet"
    pair.see_lease()
    step = next_step(facts_of(load(pair.restore.pk), now=pair.now, leases=pair.leases))
    assert isinstance(step, Step)
    assert step.act is Act.SWITCH
    fall_silent(pair, 4.0)
    with control.deciding(pair.actor.epoch), pytest.raises(Conflict):
        carry(
            restore=pair.restore.pk, step=step, actor=pair.actor, now=pair.now, leases=pair.leases
        )
    assert pair.database.epoch == pair.restore.old_epoch


def test_what_was_put_in_place_is_not_given_up_by_an_old_word() -> None:
    ground = switched()
    ground.answer(Verb.ADOPT, OperationState.DONE, "its data are in place")
    ground.carry_on()
    see(ground, 1, "failed", "start: ended while it started.")
    fall_silent(ground, 121.0)
    assert ground.carry_on() == "route", "it may be at it"
    see(ground, 1, "failed", "start: ended while it started.")
    assert ground.carry_on() == "abandoned"


@pytest.mark.parametrize("story", [done_in_place, it_does_not_start, called_off_after_its_switch])
def test_a_leader_killed_at_each_step_gives_up_the_standbys_or_takes_them_back_whole(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = make_pair()
    pair.ask(in_place=True, to=TO)
    pair.give()
    story(pair, Mortal(pair, monkeypatch).carry)
    other = Replica.objects.get(number=2)
    if story is done_in_place:
        assert (pair.restore.phase, other.state) == ("done", ReplicaState.RETIRED)
        return
    assert (pair.restore.phase, other.state) == ("abandoned", ReplicaState.MEMBER)
    assert (other.role, pair.database.epoch) == (Role.STANDBY, 3)
