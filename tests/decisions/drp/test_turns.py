"""A round has its time and no more, and nobody waits for ever behind others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

import pytest
import structlog

from recovery.audit.facts import Actor
from recovery.drp.facts import ActState, Kind
from recovery.drp.models import Run
from recovery.drp.press import Press
from recovery.drp.rounds.taking import Memory, Round, Turn
from recovery.drp.rounds.troubles import Troubles
from recovery.drp.rounds.turns import BATCH, Budget, Turns, batches
from recovery.drp.sights import Do, Heard, Order, Outcome
from tests.decisions.drp.steps import plan, step
from tests.support.drp_book import Book
from tests.support.fleet import NOW

BUDGET, COST = 0.1, 0.03
TARGETS = tuple(f"db-{number:03d}" for number in range(150))


@dataclass
class Slow:
    """Whatever it does takes its time, on a clock of its own."""

    outcome: Heard = Heard.DONE
    now: float = 0.0
    done: Counter[str] = field(default_factory=Counter)
    looked: Counter[str] = field(default_factory=Counter)

    def clock(self) -> float:
        return self.now

    def act(self, order: Order) -> Outcome:
        self.now += COST
        self.done[order.key] += 1
        return Outcome(self.outcome, "It was done.")

    def look(self, order: Order) -> Outcome:
        if not self.done[order.key]:
            return Outcome(Heard.NEVER)
        self.now += COST
        self.looked[order.key] += 1
        return Outcome(self.outcome, "It goes on.")


def started(waves: tuple[tuple[str, ...], ...] = (TARGETS,)) -> Book:
    book = Book(plan(step(Kind.PLACE_APPLICATIONS, targets=waves)))
    assert book.press(Press.START) == ""
    return book


def take(book: Book, hand: Slow, memory: Memory) -> float:
    """One turn; what it took."""
    began, memory.is_behind = hand.now, False
    budget = Budget.of(hand.clock, BUDGET)
    round = Round(Actor("controller", "test", 1), NOW, "", budget, memory)
    hands = dict.fromkeys(Kind, hand)
    Turn(round, Run(pk=UUID(int=1), number=1), book.sight(), book, hands).take()
    return hand.now - began


def test_a_round_ends_in_time_and_the_next_one_goes_on_where_it_stopped() -> None:
    book, hand, memory = started(), Slow(), Memory()
    spent = [take(book, hand, memory)]
    while any(act.state is ActState.INTENDED for act in book.steps["one"].acts) or len(
        book.steps["one"].acts
    ) < len(TARGETS):
        spent.append(take(book, hand, memory))
        assert len(spent) < 200
    assert max(spent) <= BUDGET + COST, "one act more than there was time for"
    assert len(spent) > 30
    assert set(hand.done.values()) == {1}
    assert len(hand.done) == len(TARGETS)


def test_it_says_that_somebody_still_waits_for_a_turn() -> None:
    book, hand, memory = started(), Slow(), Memory()
    take(book, hand, memory)
    take(book, hand, memory)
    assert memory.is_behind
    few = started((("a",),))
    take(few, hand, memory)
    take(few, hand, memory)
    assert not memory.is_behind


def test_of_those_who_wait_each_is_looked_at_as_often_as_the_others() -> None:
    book, hand, memory = started(), Slow(Heard.UNDER_WAY), Memory()
    for _ in range(200):
        take(book, hand, memory)
    assert len(hand.looked) == len(TARGETS)
    assert max(hand.looked.values()) - min(hand.looked.values()) <= 1


def test_what_moves_the_whole_run_waits_for_no_turn() -> None:
    book, hand, memory = started(), Slow(Heard.UNDER_WAY), Memory()
    for _ in range(60):
        take(book, hand, memory)
    book.drift = ("It is another datacenter now.",)
    take(book, hand, memory)
    assert book.state == "paused"


def test_acts_of_one_step_are_intended_a_few_at_a_time() -> None:
    book = started()
    take(book, Slow(), Memory())
    found = batches(book.orders())
    assert {len(batch) for batch in found} <= {BATCH, len(TARGETS) % BATCH}
    looks = [Order(Do.LOOK, "", "one", key) for key in "abc"]
    assert [len(batch) for batch in batches(looks)] == [1, 1, 1]


def test_who_has_waited_longest_comes_first() -> None:
    turns = Turns()
    for name in "abc":
        turns.serve((name,))
    turns.serve(("a",))
    assert turns.in_order("abcd", lambda one: (one,)) == ["d", "b", "c", "a"]
    turns.forget(lambda key: key != ("b",))
    assert turns.in_order("abcd", lambda one: (one,)) == ["b", "d", "c", "a"]


@pytest.mark.parametrize("limit", [1, 3])
def test_a_trouble_is_grave_once_until_it_went_well(limit: int) -> None:
    troubles, met = Troubles(), []
    for troubles.round in range(5):
        met.append(troubles.met(("x",), limit))
        assert not troubles.met(("x",), limit), "it counts once a round"
    assert met.count(True) == 1
    assert met[limit - 1]
    assert troubles.went_well(("x",)) == 5
    assert not troubles.is_grave(("x",), 1)


def test_a_traceback_is_written_plainly_for_it_is_written_by_who_detects() -> None:
    renderer = structlog.get_config()["processors"][-1]
    assert renderer._exception_formatter is structlog.dev.plain_traceback
