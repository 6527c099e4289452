"""Two crashes at every pair of fail points of every kind of step: nothing twice, nothing lost."""

from __future__ import annotations

from itertools import combinations

import pytest

from recovery.drp.executing import FAIL_POINTS
from recovery.drp.facts import LOOKS, PEOPLES, ActState, Kind, RunState
from recovery.drp.sights import Heard, Order, Outcome
from tests.decisions.drp.agents import Agent, Crashes, Play
from tests.decisions.drp.steps import ACTING, plan, step
from tests.support.drp_book import Book

EFFECTLESS = LOOKS | PEOPLES
SHAPES = {kind.value: (kind, (("a",),)) for kind in ACTING} | {
    "for_each": (Kind.PROMOTE_DATABASES, (("a",), ("b",))),
    "for_each_unseen": (Kind.WEBHOOK, (("a",), ("b",))),
}
LONGER = 16
"""Passings that a crash may add: the second crash falls into what the first one caused too."""


def play(shape: str, at: tuple[int, ...] = ()) -> Play:
    kind, targets = SHAPES[shape]
    fail = Crashes(frozenset(at))
    book = Book(plan(step(kind, targets=targets)))
    run = Play(book, Agent(kind, fail), fail)
    run.run()
    return run


def check(run: Play) -> None:
    """It ended, and the world is as the rows say."""
    kind, acts = run.agent.kind, run.book.steps["one"].acts
    assert run.book.state is RunState.DONE
    assert all(act.state in {ActState.DONE, ActState.FAILED} for act in acts)
    if kind in EFFECTLESS:
        assert not run.agent.keys
        return
    run.deliver_all_again()
    names = [target.key for wave in run.book.steps["one"].planned.waves for target in wave]
    assert dict(run.agent.targets) == dict.fromkeys(names, 1), "once each, and none is missing"
    for act in acts:
        assert run.agent.keys[act.key] == (act.state is ActState.DONE)


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_two_crashes_at_every_pair_of_fail_points_do_nothing_twice_and_lose_nothing(
    shape: str,
) -> None:
    calm = play(shape)
    check(calm)
    pairs = 0
    for first, second in combinations(range(1, len(calm.fail.passed) + LONGER + 1), 2):
        if first > len(calm.fail.passed):
            break
        run = play(shape, (first, second))
        check(run)
        pairs += 1
    assert pairs > 100 or SHAPES[shape][0] in PEOPLES


def test_every_fail_point_is_passed_by_some_run() -> None:
    passed = {name for shape in SHAPES for name in play(shape).fail.passed}
    passed |= {name for at in range(1, 14) for name in play("webhook", (at,)).fail.passed}
    assert set(FAIL_POINTS) <= passed


class Repeats(Agent):
    """Whatever has no result was not done: do it."""

    def _look(self, key: str) -> Outcome:
        return Outcome(Heard.NEVER) if self.journal.get(key) is None else super()._look(key)

    def _act(self, order: Order) -> Outcome:
        if self.journal.get(order.key) is None:
            self.journal.pop(order.key, None)
        return super()._act(order)


class Assumes(Agent):
    """Whatever was begun was done."""

    def _look(self, key: str) -> Outcome:
        return Outcome(Heard.DONE) if key in self.journal else Outcome(Heard.NEVER)


@pytest.mark.parametrize("agents", [Repeats, Assumes])
def test_the_harness_finds_who_repeats_and_who_loses(agents: type[Agent]) -> None:
    caught = []
    for at in range(1, 20):
        fail = Crashes(frozenset({at}))
        run = Play(Book(plan(step(Kind.WEBHOOK))), agents(Kind.WEBHOOK, fail), fail)
        run.run()
        try:
            check(run)
        except AssertionError:
            caught.append(fail.passed[at - 1])
    assert caught == ["agent after effect" if agents is Repeats else "agent after note"]
