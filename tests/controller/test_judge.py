"""Who leads, who stands by, and what happens to the one that slept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from django.db import connection, transaction

from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.controller.eyes import Eyes
from recovery.controller.judge import Judge
from recovery.controller.sighted import Sighted
from recovery.core import control
from recovery.core.clock import ManualClock
from recovery.core.control import TAKEOVER_SECONDS
from recovery.detection.actions import clear_pause, go_blind, see_again, set_pause
from recovery.detection.cycle import Watch
from recovery.detection.facts import Part
from recovery.detection.freezes import lift_freeze
from recovery.failover.actions.incarnations import recognise_incarnation, settle_incarnation
from recovery.gateway.digest import AskLook, Digest, pack_ages
from recovery.incidents.cycle import watch_incidents
from recovery.incidents.decide import EYES_SECONDS
from recovery.incidents.models import Incident
from recovery.inventory.actions import remember_host
from recovery.inventory.models import Placement
from recovery.operations.models import Operation
from tests.support.fleet import BY, NOW, Fleet, make_application, make_fleet
from tests.support.freezes import freeze

pytestmark = pytest.mark.django_db


def judge(name: str, clock: ManualClock) -> Judge:
    def ask(looks: Sequence[AskLook], wake: bool) -> None:
        raise AssertionError("a blind controller asks for nothing")

    sighted = Sighted(Eyes(["g"]), Watch.begin(clock.monotonic()))
    return Judge(holder=name, clock=clock, sighted=sighted, ask=ask)


def play(judge: Judge, fleet: Fleet, clock: ManualClock, seconds: float) -> None:
    """Rounds in which everybody is heard."""
    judge.ask = lambda looks, wake: None
    everybody = tuple(host.pk.bytes for host in fleet.hosts.values())
    for _ in range(round(seconds / 0.2)):
        ages = pack_ages(np.zeros(len(everybody)), 0.5)
        digest = Digest("g", 1, 60_000, 200, ages, b"\x01" * len(everybody), everybody)
        judge.sighted.eyes.take("g", digest, clock.monotonic())
        judge.round()
        clock.advance(0.2)


def test_the_first_to_wait_long_enough_leads_and_the_other_stands_by() -> None:
    clock = ManualClock(NOW)
    first, second = judge("one", clock), judge("two", clock)
    for _ in range(2):
        first.round()
        clock.advance(TAKEOVER_SECONDS)
    second.round()
    assert (first.epoch, second.epoch) == (1, 0)


def test_a_leader_that_dies_is_followed_and_one_that_slept_steps_down() -> None:
    clock = ManualClock(NOW)
    first, second = judge("one", clock), judge("two", clock)
    first.round()
    clock.advance(TAKEOVER_SECONDS)
    first.round()
    second.round()
    clock.advance(TAKEOVER_SECONDS + 0.1)  # the first says nothing meanwhile
    second.round()
    assert second.epoch == 2
    first.round()
    assert first.epoch == 0
    assert control.read_beat()[0] == 2


def test_a_new_leader_goes_on_with_what_was_decided_while_its_timers_start_again() -> None:
    fleet = make_fleet(copies=2)
    clock = ManualClock(NOW)
    new = judge("two", clock)
    play(new, fleet, clock, 2.6)
    assert new.epoch == 1
    assert new.sighted.blind
    assert new.sighted.is_grace
    states = fleet.application.placements.values_list("state", flat=True)
    assert list(states) == ["starting", "starting"]


def test_a_controller_without_eyes_moves_nothing() -> None:
    make_fleet()
    clock = ManualClock(NOW)
    lone = judge("one", clock)
    for _ in range(200):
        lone.round()
        clock.advance(0.2)
    assert lone.epoch == 1
    assert lone.sighted.blind
    assert not make_fleet().application.placements.exists()


def test_who_only_begins_to_watch_opens_no_incident_again_and_then_sees_it_resolved() -> None:
    fleet = make_fleet(copies=0)
    clock = ManualClock(NOW)
    epoch = control.take_lead("one", seen_epoch=0, now=NOW)
    assert epoch == 1
    by = Actor("controller", "one", epoch)
    go_blind(reasons=["no digest"], actor=by, now=NOW)
    see_again(actor=by, now=NOW)
    watch_incidents(actor=by, now=NOW)
    new = judge("two", clock)
    play(new, fleet, clock, 4.0)
    assert (new.epoch, new.sighted.is_grace) == (2, True)
    assert Incident.objects.get().state == "mitigated"
    play(new, fleet, clock, EYES_SECONDS + 2.0)
    assert Incident.objects.get().state == "resolved"
    assert not Incident.objects.get().timeline.filter(kind="reopened").exists()


def test_in_doubt_of_our_own_rows_nothing_is_decided_until_a_person_settled_them() -> None:
    """B11: agents know a later leader than the rows do."""
    fleet = make_fleet(copies=2)
    clock = ManualClock(NOW)
    leader = judge("one", clock)
    recognise_incarnation(actor=BY, now=NOW)
    host = next(iter(fleet.hosts.values()))
    remember_host(host=host.pk, leader_epoch=40, now=clock.now())
    play(leader, fleet, clock, 15.0)
    assert leader.epoch == 1
    assert "has met a leader of epoch 40" in leader.doubt
    assert not Operation.objects.exists()
    seats = fleet.application.placements
    settle_incarnation(number=2, without=(), actor=BY, reason="I looked.", now=clock.now())
    play(leader, fleet, clock, 3.0)
    assert leader.epoch == 42
    play(leader, fleet, clock, 12.0)
    assert set(seats.values_list("state", flat=True)) == {"starting"}


def test_a_collision_with_another_writer_costs_one_step_its_round_and_no_grace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fleet = make_fleet(copies=2)
    clock = ManualClock(NOW)
    leader = judge("one", clock)
    play(leader, fleet, clock, 10.0)
    assert not leader.sighted.blind

    def collide(**_: object) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$")

    with monkeypatch.context() as patch:
        patch.setattr("recovery.controller.judge.settle_lost", collide)
        play(leader, fleet, clock, 0.2)
    assert not leader.sighted.blind
    play(leader, fleet, clock, 0.2)
    assert not leader.sighted.blind


def test_a_busy_round_is_no_absence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds of work in every step; the standby looks after each of them."""
    fleet = make_fleet(copies=2)
    clock = ManualClock(NOW)
    leader, standby = judge("one", clock), judge("two", clock)
    play(leader, fleet, clock, 3.0)

    def busy(**_: object) -> None:
        clock.advance(TAKEOVER_SECONDS * 0.8)
        standby.round()

    standby.round()
    with monkeypatch.context() as patch:
        for step in ("settle_lost", "reschedule", "run_governor"):
            patch.setattr(f"recovery.controller.judge.{step}", busy)
        leader.round()
    assert (leader.epoch, standby.epoch) == (1, 0)


def test_a_judgement_that_waited_for_its_disk_goes_on_judging() -> None:
    """Its eyes were open all the time: it judges what it sees now."""
    fleet = make_fleet(copies=2)
    clock = ManualClock(NOW)
    leader = judge("one", clock)
    play(leader, fleet, clock, 10.0)
    for _ in range(20):
        clock.advance(0.1)
        leader.sighted.eyes.pulse(clock.monotonic())
    play(leader, fleet, clock, 0.2)
    assert not leader.sighted.blind
    clock.advance(2.0)
    play(leader, fleet, clock, 0.2)
    assert leader.sighted.is_grace, "this time nobody took digests: the process stood still"


class Plans:
    """In place of recovery plans: how often they were carried on, and what became of it."""

    def __init__(self, *, is_behind: bool = False, error: Exception | None = None) -> None:
        self.is_behind, self.error, self.rounds = is_behind, error, 0

    def carry_on(self, **_: object) -> int:
        self.rounds += 1
        if self.error is not None:
            raise self.error
        return 0


def test_while_a_plan_freezes_rescheduling_no_seat_is_given_even_in_a_pause() -> None:
    """It could stand where the plan leads everything away from."""
    fleet, clock = make_fleet(), ManualClock(NOW)
    make_application("new", copies=2)
    seats = Placement.objects.filter(application__name="new")
    row = freeze([Part.RESCHEDULING])
    set_pause(actor=BY, reason="I look.", now=NOW)
    one = judge("one", clock)
    play(one, fleet, clock, 40.0)
    assert not seats.exists()
    clear_pause(actor=BY, reason="I have looked.", now=clock.now())
    play(one, fleet, clock, 5.0)
    assert not seats.exists()
    lift_freeze(freeze=row.pk, actor=BY, reason="Over.", now=clock.now())
    play(one, fleet, clock, 5.0)
    assert seats.count() == 2


def test_whatever_is_wrong_with_plans_detection_goes_on_and_it_rings_once() -> None:
    fleet, clock = make_fleet(copies=0), ManualClock(NOW)
    lone = judge("one", clock)
    play(lone, fleet, clock, 3.0)
    lone._plans = Plans(error=KeyError("who?"))  # type: ignore[assignment]
    play(lone, fleet, clock, 3.0)
    assert lone.epoch == 1
    assert Alarm.objects.get(key="drp-plans-stopped").body == "KeyError: 'who?'"


def test_who_waits_for_a_turn_of_plans_has_it_in_the_very_next_round() -> None:
    fleet, clock = make_fleet(copies=0), ManualClock(NOW)
    lone = judge("one", clock)
    play(lone, fleet, clock, 3.0)
    rounds = {}
    for is_behind in (False, True):
        lone._plans = plans = Plans(is_behind=is_behind)  # type: ignore[assignment]
        play(lone, fleet, clock, 2.0)
        rounds[is_behind] = plans.rounds
    assert rounds[False] <= 3
    assert rounds[True] >= 9
