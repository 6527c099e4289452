"""What is done with each copy, and why (I-CT-1, I-CT-2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from recovery.inventory.facts import Replace, Verdict
from recovery.scheduling.decide import decide
from recovery.scheduling.facts import (
    Cause,
    Confirm,
    Kind,
    Lose,
    Place,
    Policy,
    Readopt,
    SeatState,
    SlotFact,
    Start,
    Stop,
)
from tests.decisions.scheduling.build import NOW, app, carry_out, change, host, observe, seat, world

THREE = (host("a"), host("b", "OSU2"), host("c", "MRS1"))


def test_a_new_application_gets_its_copies_on_different_hosts() -> None:
    decision = decide(world(THREE, [app("shop", 3)]), NOW)
    assert {p.host for p in decision.places} == {"a", "b", "c"}
    assert {p.ordinal for p in decision.places} == {1, 2, 3}
    assert all(p.generation == 1 and not p.provisional for p in decision.places)


def test_a_lost_host_has_its_copy_replaced_by_the_next_generation() -> None:
    lost = host("a", verdict=Verdict.LOST, replace=Replace.ALLOWED)
    decision = decide(world([lost, *THREE[1:]], [app("shop")], [seat("shop", "a")]), NOW)
    assert decision.orders[0] == Lose("shop.1.1", "a is lost")
    (place,) = decision.places
    assert (place.generation, place.replaces, place.cause) == (2, "shop.1.1", Cause.LOST)
    assert place.host != "a"


def test_a_hung_host_has_its_stateless_copy_replaced_when_that_is_permitted() -> None:
    hung = host("a", verdict=Verdict.HUNG, replace=Replace.ALLOWED)
    decision = decide(world([hung, *THREE[1:]], [app("shop")], [seat("shop", "a")]), NOW)
    assert [p.cause for p in decision.places] == [Cause.HUNG]


@pytest.mark.parametrize("verdict", [Verdict.AGENT_DOWN, Verdict.ISOLATED, Verdict.UNKNOWN])
def test_nothing_moves_from_a_host_that_only_we_do_not_see(verdict: Verdict) -> None:
    unseen = host("a", verdict=verdict)
    decision = decide(world([unseen, *THREE[1:]], [app("shop")], [seat("shop", "a")]), NOW)
    assert decision.orders == ()


def test_a_held_loss_is_listed_and_not_replaced() -> None:
    held = host("a", verdict=Verdict.LOST, replace=Replace.HELD)
    decision = decide(world([held, *THREE[1:]], [app("shop")], [seat("shop", "a")]), NOW)
    assert decision.places == ()
    (waiting,) = decision.waiting
    assert waiting.cause is Cause.HELD
    assert "a person may release it" in waiting.reason


def test_a_suspect_host_gets_a_provisional_replacement_only_when_permitted() -> None:
    given = world(THREE, [app("shop")], [seat("shop", "a")])
    unsure = change(given, "a", verdict=Verdict.SUSPECT)
    assert decide(unsure, NOW).orders == ()
    (place,) = decide(change(unsure, "a", replace=Replace.PROVISIONAL), NOW).places
    assert place.provisional
    assert place.generation == 2


def test_who_has_only_just_begun_to_watch_starts_nothing_on_an_old_suspicion() -> None:
    suspect = host("a", verdict=Verdict.SUSPECT, replace=Replace.PROVISIONAL)
    found = world([suspect, *THREE[1:]], [app("shop")], [seat("shop", "a")])
    fresh = replace(found, policy=Policy(trusts_suspicion=False))
    assert decide(fresh, NOW).orders == ()
    assert decide(found, NOW).orders


def test_a_singleton_on_a_suspect_host_waits_and_says_for_what() -> None:
    suspect = host("a", verdict=Verdict.SUSPECT, replace=Replace.PROVISIONAL)
    singleton = app("ledger", kind=Kind.SINGLETON)
    decision = decide(world([suspect, *THREE[1:]], [singleton], [seat("ledger", "a")]), NOW)
    assert decision.orders == ()
    (waiting,) = decision.waiting
    assert (waiting.cause, waiting.seat) == (Cause.SUSPECT, "ledger.1.1")
    assert "waits until a answers, or for a fencing proof" in waiting.reason


def test_a_lost_singleton_is_replaced_after_a_fencing_proof_and_not_before() -> None:
    lost = host("a", verdict=Verdict.LOST, replace=Replace.ALLOWED)
    given = world([lost, *THREE[1:]], [app("ledger", kind=Kind.SINGLETON)], [seat("ledger", "a")])
    before = decide(given, NOW)
    assert before.places == ()
    assert [w.cause for w in before.waiting] == [Cause.FENCE]
    assert "fencing proof of a or a person's word" in before.waiting[0].reason
    proven = world(given.hosts, given.applications, [seat("ledger", "a", released=True)])
    (place,) = decide(proven, NOW).places
    assert place.generation == 2


def test_a_persons_word_releases_one_singleton_even_while_the_brake_holds() -> None:
    lost = host("a", verdict=Verdict.LOST, replace=Replace.HELD)
    word = seat("ledger", "a", released=True)
    given = world([lost, *THREE[1:]], [app("ledger", kind=Kind.SINGLETON)], [word])
    assert len(decide(given, NOW).places) == 1


def test_a_provisional_seat_becomes_the_seat_when_the_host_is_lost() -> None:
    lost = host("a", verdict=Verdict.LOST, replace=Replace.ALLOWED)
    seats = [seat("shop", "a"), seat("shop", "b", generation=2, provisional=True)]
    decision = decide(world([lost, *THREE[1:]], [app("shop")], seats), NOW)
    assert [type(order) for order in decision.orders] == [Lose, Confirm]


def test_a_provisional_seat_is_withdrawn_when_the_host_returns_before_it_was_lost() -> None:
    seats = [seat("shop", "a"), seat("shop", "b", generation=2, provisional=True)]
    decision = decide(world(THREE, [app("shop")], seats), NOW)
    (stop,) = decision.orders
    assert isinstance(stop, Stop)
    assert stop.seat == "shop.1.2"
    assert stop.withdrawal


def test_a_provisional_seat_stays_until_the_returned_container_answers() -> None:
    seats = [
        seat("shop", "a", state=SeatState.STARTING),
        seat("shop", "b", generation=2, provisional=True),
    ]
    assert decide(world(THREE, [app("shop")], seats), NOW).orders == ()


def test_a_generation_that_returns_after_it_was_lost_is_stopped() -> None:
    seats = [seat("shop", "a", state=SeatState.LOST), seat("shop", "b", generation=2)]
    (stop,) = decide(world(THREE, [app("shop")], seats), NOW).orders
    assert isinstance(stop, Stop)
    assert stop.seat == "shop.1.1"
    assert "generation 2 took over" in stop.reason


def test_a_retry_of_a_replacement_needs_no_second_permission() -> None:
    lost = host("a", verdict=Verdict.LOST, replace=Replace.NONE)
    failed = SlotFact(1, 2, failures=1, failed_at=NOW, failed_on=frozenset({"b"}))
    seats = [seat("shop", "a", state=SeatState.LOST)]
    given = world([lost, *THREE[1:]], [app("shop", slots=[failed])], seats)
    (place,) = decide(given, NOW + timedelta(minutes=1)).places
    assert (place.host, place.generation) == ("c", 3)


def test_a_lost_seat_is_taken_back_when_nobody_took_its_place() -> None:
    back = [seat("ledger", "a", state=SeatState.LOST)]
    decision = decide(world(THREE, [app("ledger", kind=Kind.SINGLETON)], back), NOW)
    assert [type(order) for order in decision.orders] == [Readopt]


def test_more_copies_are_started_and_fewer_are_stopped_from_the_highest_ordinal() -> None:
    seats = [seat("shop", "a"), seat("shop", "b", 2)]
    more = decide(world(THREE, [app("shop", 3)], seats), NOW)
    assert [(p.ordinal, p.host) for p in more.places] == [(3, "c")]
    fewer = decide(world(THREE, [app("shop", 1)], seats), NOW)
    assert [order.seat for order in fewer.orders if isinstance(order, Stop)] == ["shop.2.1"]


def test_a_drained_host_is_emptied_by_starting_elsewhere_first() -> None:
    given = change(world(THREE, [app("shop")], [seat("shop", "a")]), "a", draining=True)
    first = decide(given, NOW)
    (place,) = first.places
    assert place.provisional
    assert place.cause is Cause.DRAIN
    planned = carry_out(given, first)
    assert decide(planned, NOW).orders == ()
    second = decide(observe(planned), NOW)
    assert [type(order) for order in second.orders] == [Confirm, Stop]
    done = observe(carry_out(observe(planned), second))
    assert [s.host for s in done.seats] == [place.host]
    assert decide(done, NOW).orders == ()


def test_a_drained_singleton_stops_before_it_starts_and_only_if_there_is_room() -> None:
    singleton = app("ledger", kind=Kind.SINGLETON)
    full = [host("a", draining=True), host("b", capacity=(50, 50))]
    assert decide(world(full, [singleton], [seat("ledger", "a")]), NOW).orders == ()
    given = change(world(THREE, [singleton], [seat("ledger", "a")]), "a", draining=True)
    first = decide(given, NOW)
    assert [type(order) for order in first.orders] == [Place, Stop]
    assert not first.places[0].start, "the room is reserved, nothing starts yet"
    stopping = carry_out(given, first)
    assert decide(stopping, NOW).orders == ()
    (confirm,) = decide(observe(stopping), NOW).orders
    assert isinstance(confirm, Confirm)
    assert confirm.start


def test_a_singleton_lost_in_the_middle_of_its_drain_needs_its_proof_all_the_same() -> None:
    singleton = app("ledger", kind=Kind.SINGLETON)
    given = change(world(THREE, [singleton], [seat("ledger", "a")]), "a", draining=True)
    stopping = carry_out(given, decide(given, NOW))
    lost = change(stopping, "a", verdict=Verdict.LOST, replace=Replace.ALLOWED)
    decision = decide(lost, NOW)
    assert [type(order) for order in decision.orders] == [Lose]
    assert [w.cause for w in decision.waiting] == [Cause.FENCE]


def test_a_cancelled_drain_withdraws_what_was_started() -> None:
    given = change(world(THREE, [app("shop")], [seat("shop", "a")]), "a", draining=True)
    started = carry_out(given, decide(given, NOW))
    cancelled = decide(change(started, "a", draining=False), NOW)
    assert [type(order) for order in cancelled.orders] == [Stop]


def test_a_container_that_stays_sick_moves_after_its_patience() -> None:
    fresh = seat("shop", "a", state=SeatState.SICK, since=NOW - timedelta(seconds=59))
    given = world(THREE, [app("shop")], [fresh])
    assert decide(given, NOW).orders == ()
    (place,) = decide(given, NOW + timedelta(seconds=1)).places
    assert place.cause is Cause.SICK


def test_a_failed_start_is_tried_elsewhere_after_a_growing_pause() -> None:
    failed = SlotFact(1, 3, failures=3, failed_at=NOW, failed_on=frozenset({"a", "b"}))
    given = world(THREE, [app("shop", slots=[failed])])
    early = decide(given, NOW + timedelta(seconds=19))
    assert early.places == ()
    assert [w.cause for w in early.waiting] == [Cause.BACKOFF]
    (place,) = decide(given, NOW + timedelta(seconds=20)).places
    assert (place.host, place.generation) == ("c", 4)


def test_a_host_on_which_it_failed_is_better_than_none() -> None:
    failed = SlotFact(1, 1, failures=1, failed_at=NOW, failed_on=frozenset({"a"}))
    given = world([host("a")], [app("shop", slots=[failed])])
    assert [p.host for p in decide(given, NOW + timedelta(minutes=1)).places] == ["a"]


def test_a_stop_on_an_unreachable_host_waits_and_says_so() -> None:
    isolated = host("a", verdict=Verdict.ISOLATED)
    decision = decide(world([isolated], [app("shop", 0)], [seat("shop", "a")]), NOW)
    assert decision.orders == ()
    assert "a is isolated" in decision.waiting[0].reason


def test_what_the_governor_does_not_grant_waits_in_its_order() -> None:
    given = world(THREE, [app("low"), app("high", priority=9)])
    decision = decide(replace(given, policy=Policy(places_at_once=1)), NOW)
    assert [p.application for p in decision.places] == ["high"]
    assert [(w.application, w.cause) for w in decision.waiting] == [("low", Cause.GOVERNOR)]


def test_paced_replacements_go_at_the_brakes_pace_and_others_pass() -> None:
    lost = host("a", verdict=Verdict.LOST, replace=Replace.PACED)
    seats = [seat("shop", "a"), seat("blog", "a")]
    given = world([lost, *THREE[1:]], [app("shop"), app("blog"), app("new")], seats)
    decision = decide(replace(given, policy=Policy(paced_at_once=1)), NOW)
    assert sorted(p.application for p in decision.places) == ["blog", "new"]
    assert "pace" in decision.waiting[0].reason


def test_a_lost_seat_keeps_a_second_seat_of_its_application_off_the_host() -> None:
    back = host("a", verdict=Verdict.ALIVE)
    lost = seat("shop", "a", state=SeatState.LOST)
    decision = decide(world([back], [app("shop", 2)], [lost, seat("shop", "a", 1, 2)]), NOW)
    assert isinstance(decision.orders[0], Stop)
    assert decision.places == ()
    assert decision.unplaced[0].binding == "seat"


def test_a_provisional_seat_whose_host_is_lost_too_is_replaced_again() -> None:
    suspect = host("a", verdict=Verdict.SUSPECT, replace=Replace.PROVISIONAL)
    lost = host("b", verdict=Verdict.LOST, replace=Replace.ALLOWED)
    seats = [seat("shop", "a"), seat("shop", "b", generation=2, provisional=True)]
    decision = decide(world([suspect, lost, host("c")], [app("shop")], seats), NOW)
    (place,) = decision.places
    assert (place.host, place.generation, place.provisional) == ("c", 3, True)


def test_a_planned_seat_that_nobody_starts_is_asked_for_again() -> None:
    forgotten = seat("shop", "a", state=SeatState.PLANNED, asked=False)
    given = world(THREE, [app("shop")], [forgotten])
    assert [type(order) for order in decide(given, NOW).orders] == [Start]
    assert decide(carry_out(given, decide(given, NOW)), NOW).orders == ()
    away = change(given, "a", verdict=Verdict.SUSPECT)
    assert decide(away, NOW).orders == ()


def test_orders_have_reasons() -> None:
    lost = host("a", verdict=Verdict.LOST, replace=Replace.ALLOWED)
    decision = decide(world([lost, *THREE[1:]], [app("shop")], [seat("shop", "a")]), NOW)
    assert all(order.reason for order in decision.orders)
    assert isinstance(decision.orders[-1], Place)
