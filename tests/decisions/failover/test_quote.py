"""The loss quote: a best estimate, and a bound that holds whatever the old primary did unseen."""

from __future__ import annotations

from dataclasses import replace

from recovery.core.leases import LeaseRow
from recovery.failover.carry import choose
from recovery.failover.chosen import Quote
from recovery.failover.facts import Act, Facts, Failover, Proof, ProofKind, Step, Wait
from recovery.failover.loss.quote import written
from recovery.failover.phases import Phase
from recovery.failover.terms import FAST
from recovery.failover.watch import LeaseWatch
from recovery.inventory.facts import Durability
from tests.decisions.failover.build import (
    ENDED,
    LEASE_PROOF,
    POLICY,
    RENEWED,
    answered,
    database,
    facts,
    failover,
    lost,
    order,
    primary,
    standby,
)

ASYNC = database(durability=Durability.ASYNCHRONOUS)


def _renewed(*positions: int, every: float = FAST.every) -> LeaseWatch:
    """A renewal each `every` seconds; the last one was seen at RENEWED."""
    began = RENEWED - every * (len(positions) - 1)
    row = LeaseRow("a", 3, 1, 40, 39, positions[0])
    watch = LeaseWatch.begin(row, FAST, began)
    for number, position in enumerate(positions[1:], start=1):
        row = replace(row, sequence=40 + number, echo=39 + number, position=position)
        watch = watch.note(row, began + every * number)
    return watch


def _quote(watch: LeaseWatch, held: int, proof: Proof = LEASE_PROOF, **changes: object) -> Quote:
    seen = lost(
        primary(position=0, age=6.5),
        standby(position=held, lag=None),
        lease=watch,
        database=ASYNC,
        failover=failover(Phase.ELECT, new_epoch=4, proof=proof, **changes),
    )
    source = seen.replicas[0]
    return written(seen, source, ENDED + 1.0).quote(seen.replicas[1], is_safe=False)


def test_the_bound_counts_from_the_earliest_reading_until_the_gate_closed() -> None:
    quote = _quote(_renewed(100, 110, 120), held=125)
    assert quote.seconds == 0.0
    assert quote.bound is not None
    # read after the sight of number 40, of which number 42 echoes the successor
    least = ENDED - (RENEWED - 2 * FAST.every) + FAST.read_within
    assert least <= quote.bound <= least * 1.01
    assert quote.said == (
        "it holds all that its primary told of, so most likely nothing is lost; at most the"
        f" writes of the last {quote.bound:.1f} s, if its primary wrote on unseen."
    )


def test_what_is_missing_is_timed_by_the_words_between() -> None:
    quote = _quote(_renewed(90, 100, 110, 120, 130), held=112)
    assert quote.behind == 18
    assert quote.seconds == 2 * FAST.every
    newest = _quote(_renewed(90, 100, 110, 120, 130), held=130)
    assert quote.bound is not None
    assert newest.bound is not None
    assert quote.bound > newest.bound


def test_a_new_leader_says_that_it_cannot_tell() -> None:
    watch = _renewed(100, 110, 120).regrace(ENDED)
    quote = _quote(watch, held=125)
    assert quote.bound is None
    assert quote.said.endswith("nobody saw for how long its primary wrote on.")


def test_a_receipt_says_exactly_where_it_stopped() -> None:
    receipt = Proof(ProofKind.GATE_CLOSED, "a", 3, "Closed.", receipt="op", position=130)
    whole = _quote(_renewed(100, 110, 120), held=130, proof=receipt)
    assert (whole.seconds, whole.bound) == (0.0, 0.0)
    assert whole.said == "nothing that was written before the gate closed is lost."
    part = _quote(_renewed(100, 110, 120), held=121, proof=receipt)
    assert part.behind == 9
    assert part.bound is not None
    assert part.said.endswith("s before the gate closed.")


def test_waiting_for_a_candidate_adds_nothing_to_the_quote() -> None:
    soon = _quote(_renewed(100, 110, 120), held=125, phase_age=0.0)
    late = _quote(_renewed(100, 110, 120), held=125, phase_age=500.0)
    assert late.bound is not None
    assert soon.bound is not None
    assert late.bound <= soon.bound


def test_a_server_that_did_not_answer_told_nothing() -> None:
    quote = _quote(_renewed(90, 100, 110, 0), held=115)
    zero = _quote(_renewed(90, 100, 110), held=115)
    assert quote.position == 110
    assert quote.bound is not None
    assert zero.bound is not None
    assert quote.bound > zero.bound


def test_of_a_synchronous_database_nothing_acknowledged_is_lost() -> None:
    seen = lost(lease=_renewed(100, 110))
    quote = written(seen, seen.replicas[0], ENDED).quote(seen.replicas[1], is_safe=True)
    assert (quote.seconds, quote.bound) == (0.0, 0.0)
    assert quote.said == "nothing that was acknowledged is lost."


# ---------------------------------------------------------------- several synchronous standbys


def _three(**changes: object) -> tuple[Facts, Failover]:
    one = failover(Phase.ELECT, new_epoch=4, proof=LEASE_PROOF, phase_age=1.0, **changes)
    third = standby(replica="c", name="orders-3", host="host-c", domains=frozenset({"OSU/r3"}))
    seen = primary().standbys[0]
    first = primary(age=6.5, standbys=(seen, replace(seen, replica="c")))
    return facts(first, standby(), third, failover=one), one


def test_each_of_several_synchronous_standbys_is_asked_before_one_is_chosen() -> None:
    seen, one = _three()
    step = choose(seen, one, POLICY, ENDED)
    assert isinstance(step, Step)
    assert (step.act, step.replica) == (Act.ASK, "b")
    old = order("ask", "b", "done", age=2.0)
    seen, one = _three(orders=(old,), asked=(answered(age=2.0),))
    step = choose(seen, one, POLICY, ENDED)
    assert isinstance(step, Step)
    assert (step.act, step.replica) == (Act.ASK, "b"), "an answer from before the stop is too old"
    seen, one = _three(orders=(order("ask", "b", "handed", age=0.5),))
    assert isinstance(choose(seen, one, POLICY, ENDED), Wait)


def test_who_holds_more_by_its_answer_is_chosen_whatever_its_report_said() -> None:
    asked = (answered(age=0.2), answered(replica="c", age=0.2, position=5001))
    seen, one = _three(asked=asked)
    step = choose(seen, one, POLICY, ENDED)
    assert isinstance(step, Step)
    assert (step.act, step.replica) == (Act.CHOOSE, "c")


def test_a_standby_that_does_not_answer_counts_as_silent() -> None:
    orders = (order("ask", "c", "handed", age=4.0),)
    seen, one = _three(asked=(answered(age=0.2),), orders=orders)
    one = replace(one, phase_age=10.0)
    answer = choose(replace(seen, failover=one), one, POLICY, ENDED)
    assert not isinstance(answer, Step) or answer.act is not Act.CHOOSE
