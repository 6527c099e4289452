"""The rules of leases and promises, by both sides (safety.md B2, B3, B6, B7)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recovery.core.leases import (
    NEVER,
    AgentLease,
    EchoWatch,
    LeaseRow,
    PromiseRound,
    Promises,
    guard_span,
)
from recovery.failover.terms import FAST, STANDARD
from recovery.failover.watch import LeaseWatch, needs_regrace


def lease(*, early: float = 0.0, now: float = 100.0, deadline: float = NEVER) -> AgentLease:
    return AgentLease(
        epoch=3, incarnation=1, every=0.5, length=6, early=early, deadline=deadline, now=now
    )


def grant(holder: AgentLease, sequence: int, now: float, epoch: int = 3) -> bool:
    return holder.granted(epoch=epoch, incarnation=1, sequence=sequence, now=now)


def test_the_spans_are_those_of_the_specification() -> None:
    assert round(FAST.span, 2) == 6.02
    assert round(STANDARD.span, 2) == 20.05
    assert guard_span(6, drift=0.001, closing=0.01) == FAST.span


def test_a_gate_is_closed_until_the_first_grant() -> None:
    assert not lease().is_open(100.0)


def test_a_deadline_counts_from_before_the_send() -> None:
    holder = lease()
    number = holder.renew(100.0)
    assert grant(holder, number, now=103.0)
    assert holder.closes_at == 106.0
    assert holder.is_open(105.9)
    assert not holder.is_open(106.0)


@pytest.mark.parametrize(
    ("sequence", "epoch"), [(2, 3), (1, 2), (1, 4)], ids=["never asked", "old epoch", "other epoch"]
)
def test_a_foreign_grant_changes_nothing(sequence: int, epoch: int) -> None:
    holder = lease()
    holder.renew(100.0)
    assert not grant(holder, sequence, 100.1, epoch)
    assert holder.deadline == NEVER
    assert holder.echo == 0


def test_a_late_grant_never_shortens_and_its_echo_is_the_highest() -> None:
    holder = lease()
    first, second = holder.renew(100.0), holder.renew(100.5)
    assert grant(holder, second, 100.6)
    assert not grant(holder, first, 100.7)
    assert holder.deadline == 106.5
    assert holder.echo == second


def test_a_repeated_grant_raises_the_echo_and_moves_nothing() -> None:
    holder = lease()
    number = holder.renew(100.0)
    grant(holder, number, 100.1)
    assert not grant(holder, number, 105.0)
    assert holder.deadline == 106.0


def test_what_is_fenced_stays_closed_in_its_epoch() -> None:
    holder = lease()
    number = holder.renew(100.0)
    holder.fence()
    assert not grant(holder, number, 100.1)
    assert not holder.promised(100.0)
    assert not holder.is_open(100.1)


def test_after_a_sleep_only_what_was_sent_since_counts() -> None:
    holder = lease()
    grant(holder, holder.renew(100.0), 100.1)
    late = holder.renew(100.5)
    holder.tick(100.6)
    assert holder.tick(102.2)
    assert not holder.is_open(102.2)
    assert not grant(holder, late, 102.3)
    assert grant(holder, holder.renew(102.3), 102.4)
    assert holder.is_open(102.4)


def test_an_agent_that_restarts_keeps_no_more_than_the_rest_of_its_lease() -> None:
    assert lease(deadline=103.0).closes_at == 103.0
    assert lease(deadline=900.0).closes_at == 106.0


def test_an_asynchronous_primary_that_nobody_hears_closes_early() -> None:
    holder = lease(early=FAST.early)
    grant(holder, holder.renew(100.0), 100.1)
    assert holder.closes_at == pytest.approx(105.1)
    holder.heard(100.5)
    assert holder.closes_at == pytest.approx(105.5)
    grant(holder, holder.renew(104.0), 104.1)
    assert holder.closes_at == pytest.approx(109.1)


def test_promises_are_sought_only_when_half_of_the_lease_has_gone() -> None:
    holder = lease()
    grant(holder, holder.renew(100.0), 100.1)
    assert not holder.wants_promise(103.0)
    assert holder.wants_promise(103.1)


def test_a_round_of_promises_needs_every_member_and_at_least_one() -> None:
    asked = PromiseRound({"b", "c"}, 100.0)
    assert not asked.promised("b")
    assert not asked.promised("b")
    assert asked.promised("c")
    assert not PromiseRound((), 100.0).promised("b")


def test_a_live_promise_refuses_promotion_and_its_end_allows_it() -> None:
    promises, refused = Promises().ask(epoch=3, span=6.02, now=50.0)
    assert not refused
    assert "6.0 s more" in promises.refuse_promotion(4, 50.0)
    assert promises.refuse_promotion(4, 56.02) == ""


def test_after_a_take_over_nothing_more_is_promised_but_the_last_is_waited_out() -> None:
    promises, _ = Promises().ask(epoch=3, span=6.0, now=50.0)
    promises = promises.take_over(4)
    promises, refused = promises.ask(epoch=3, span=6.0, now=51.0)
    assert refused == "Another takes over at epoch 4."
    assert promises.left(51.0) == 5.0
    assert promises.ask(epoch=4, span=6.0, now=51.0)[1] == ""


def test_who_took_over_by_name_gives_it_again_and_nobody_elses() -> None:
    """A plan that gave up before anything was revoked: its word, come late, opens nothing else."""
    taken = Promises().take_over(4, "one").take_over(4, "other")
    assert taken.ask(epoch=3, span=6.0, now=50.0)[1] == "Another takes over at epoch 4."
    given = taken.give_again(["one"])
    assert given.ask(epoch=3, span=6.0, now=50.0)[1], "another took it, too"
    assert given.give_again(["other"]).ask(epoch=3, span=6.0, now=50.0)[1] == ""
    for_good = taken.take_over(4).give_again(["one", "other"])
    assert for_good.ask(epoch=3, span=6.0, now=50.0)[1], "who leads by now took it for good"
    learnt = taken.learn(4)
    assert learnt.taken == (), "epoch 4 refuses all below by itself"
    assert learnt.ask(epoch=3, span=6.0, now=50.0)[1]


def test_an_older_primary_gets_no_promise_and_a_late_order_promotes_nobody() -> None:
    promises = Promises().learn(5)
    assert "epoch 5" in promises.ask(epoch=4, span=6.0, now=0.0)[1]
    assert "late" in promises.refuse_promotion(4, 0.0)


def test_a_promise_survives_a_reboot_in_full() -> None:
    promises, _ = Promises().ask(epoch=3, span=6.0, now=5000.0)
    assert promises.after_boot(1.0).left(1.0) == 6.0
    assert Promises().after_boot(1.0).left(1.0) == 0.0


def test_a_row_grants_only_what_is_newer_and_not_revoked() -> None:
    row = LeaseRow("a", epoch=3, incarnation=2, sequence=7)
    assert row.renewed(replica="a", epoch=3, number=(2, 8))
    assert row.renewed(replica="a", epoch=3, number=(3, 1))
    assert not row.renewed(replica="a", epoch=3, number=(2, 7))
    assert not row.renewed(replica="a", epoch=2, number=(2, 8))
    assert not row.renewed(replica="b", epoch=3, number=(2, 8))
    assert not replace(row, revoked=True).renewed(replica="a", epoch=3, number=(2, 8))


def may_grant(watch: EchoWatch, echo: int, now: float, epoch: int = 3, start: int = 1) -> bool:
    return watch.may_grant(epoch=epoch, incarnation=start, echo=echo, now=now)


def test_a_lost_way_back_ends_the_granting_and_an_echo_heals_it() -> None:
    watch = EchoWatch(0.5)
    for number in range(1, 4):
        assert may_grant(watch, 0, now=number * 0.5)
        watch.granted(number, now=number * 0.5)
    assert not may_grant(watch, 0, now=2.0)
    assert may_grant(watch, 3, now=2.5)
    watch.granted(4, now=2.5)
    assert may_grant(watch, 3, now=3.9)


@pytest.mark.parametrize(("epoch", "start"), [(4, 1), (3, 2)])
def test_numbers_that_begin_again_are_not_measured_by_older_ones(epoch: int, start: int) -> None:
    watch = EchoWatch(0.5)
    assert may_grant(watch, 56, now=1.0)
    watch.granted(57, now=1.0)
    assert not may_grant(watch, 56, now=9.0)
    assert may_grant(watch, 0, now=9.0, epoch=epoch, start=start)


def watched(sequence: int = 7, echo: int = 6) -> LeaseWatch:
    row = LeaseRow("a", epoch=3, incarnation=1, sequence=sequence, echo=echo)
    return LeaseWatch.begin(row, FAST, 1000.0)


def test_the_decider_counts_from_its_first_sight_of_each_number() -> None:
    watch = watched().note(replace(watched().row, sequence=8, echo=7), 1000.5)
    assert watch.note(watch.row, 1003.0).ends_at == 1000.5 + FAST.span
    assert not watch.has_ended(1006.5)
    assert watch.has_ended(1000.5 + FAST.span)


def test_a_lease_that_was_never_renewed_does_not_end() -> None:
    assert not watched(sequence=0, echo=0).has_ended(1e9)


def test_a_regrace_waits_a_whole_span_again() -> None:
    assert not watched().regrace(1005.0).has_ended(1006.1)


def test_a_new_incarnation_or_epoch_starts_the_span_again() -> None:
    watch = watched()
    assert watch.note(replace(watch.row, incarnation=2, sequence=1), 1004.0).seen_at == 1004.0
    assert watch.note(replace(watch.row, epoch=4, sequence=1), 1004.0).seen_at == 1004.0


def test_an_echo_that_stands_still_is_seen_as_deaf() -> None:
    watch = watched()
    for number in (8, 9, 10):
        watch = watch.note(replace(watch.row, sequence=number), 1000.0 + (number - 7) * 0.5)
    assert watch.is_deaf
    assert not watch.note(replace(watch.row, sequence=11, echo=10), 1002.0).is_deaf


@pytest.mark.parametrize(
    ("is_new", "changed", "wanted"),
    [(False, False, False), (True, False, True), (False, True, True)],
)
def test_when_the_span_begins_anew(is_new: bool, changed: bool, wanted: bool) -> None:
    assert needs_regrace(is_new=is_new, database_changed=changed) is wanted


@pytest.mark.parametrize(("gap", "late"), [(0.5, 0.0), (1.5, 0.0), (4.0, 2.5)])
def test_our_own_late_look_counts_for_three_ticks(gap: float, late: float) -> None:
    woken = watched().wake(gap, 0.5, 1005.0)
    assert woken.ends_at == watched().ends_at + late


def test_looks_that_are_always_late_still_come_to_an_end() -> None:
    watch, now = watched(), 1000.0
    while not watch.has_ended(now):
        now += 2.0
        watch = watch.wake(2.0, 0.5, now)
    assert now <= 1000.0 + FAST.span * 2.0 / 1.5 + 2.0


def test_after_a_sleep_of_a_whole_span_a_whole_span_counts_again() -> None:
    assert watched().wake(FAST.span + 1.0, 0.5, 1600.0).ends_at == 1600.0 + FAST.span
