"""Everybody presses everything at once, while things fail, drift, time out and crash."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from recovery.core.errors import Conflict
from recovery.drp.approvals.facts import LIFE_SECONDS, Weighed
from recovery.drp.decide import need_of
from recovery.drp.executing import carry_out
from recovery.drp.facts import (
    ENDED,
    UNSKIPPABLE,
    ActState,
    Kind,
    Mode,
    OnFailure,
    RunState,
    StepState,
)
from recovery.drp.press import Press
from recovery.drp.sights import Do, Heard, Order, Outcome
from recovery.drp.waits import waits
from tests.decisions.drp.agents import Agent, Crash, Crashes, aged
from tests.decisions.drp.steps import plan, step
from tests.support.drp_book import EVERY_ROLE, Book

STEPS = (
    step(Kind.CHECK, "check"),
    step(Kind.FREEZE_AUTOMATION, "freeze", needs=("check",)),
    step(Kind.NOTIFY, "tell", needs=("freeze",), on_failure=OnFailure.GO_ON, retries=1),
    step(Kind.FENCE_DATACENTER, "fence", needs=("freeze",), on_failure=OnFailure.ABORT),
    step(Kind.PROMOTE_DATABASES, "promote", (("a", "b"), ("c",)), needs=("fence",), retries=1),
    step(Kind.MANUAL, "hand", needs=("promote", "tell")),
    step(Kind.WEBHOOK, "hook", needs=("hand",)),
    step(Kind.APPROVAL, "agree"),
    step(Kind.NOTIFY, "between", needs=("agree",)),
    step(Kind.WEBHOOK, "behind", needs=("between",)),
)
NAMES = st.sampled_from([each.id for each in STEPS])
ROLES = st.sampled_from([frozenset({"viewer"}), frozenset({"viewer", "responder"}), EVERY_ROLE])

PRESSES = [Press.START, Press.START, Press.PAUSE, *[Press.RESUME] * 4, Press.ABORT]


class Crowd(RuleBasedStateMachine):
    """Whatever happens: nothing begins without its needs and its approvals, nothing is done twice,
    and a run that people want to end does."""

    @initialize(mode=st.sampled_from([Mode.DISASTER, Mode.DISASTER, Mode.PLANNED, Mode.SIMULATION]))
    def prepare(self, mode: Mode) -> None:
        self.book = Book(plan(*STEPS, mode=mode))
        self.crashes = Crashes()
        self.agents = {each.id: Agent(each.kind, self.crashes) for each in STEPS}
        self.failing = False
        self.approved: set[str] = set()
        self.stale: tuple[Order, ...] = ()
        self.ended: RunState | None = None
        assert self.book.press(Press.START) == ""

    def carry(self, order: Order) -> None:
        """By whichever controller leads, or thinks so; it checks what a transaction would."""
        step = self.book.steps[order.step] if order.step else None
        if order.do is Do.BEGIN and step is not None:
            needs = need_of(step.planned, self.book.plan.mode)
            is_free = needs is None or (step.ask is not None and step.ask.weighed.is_enough)
            if not is_free or (self.book.drift and self.book.plan.mode is not Mode.SIMULATION):
                raise Conflict("The transaction looks again.")
            if needs is not None:
                self.approved.add(f"{step.planned.id} {step.round}")
        hand = self.agents[order.step or "hook"]
        carry_out(order, self.book, hand, self.crashes)

    def safely(self, orders: tuple[Order, ...]) -> None:
        for order in orders:
            try:
                if order.do is Do.INTEND and self.failing:
                    self.book.intend(order)
                    self.book.record(order, Outcome(Heard.FAILED, "It failed."))
                else:
                    self.carry(order)
            except (Conflict, Crash):
                return

    @rule()
    def look(self) -> None:
        """The controller's turns; the orders of the last may be carried out once more, late."""
        for _ in range(3):
            self.stale = self.book.orders()
            self.safely(self.stale)

    @rule()
    def all_goes_well_for_a_while(self) -> None:
        """Everybody does their part at once."""
        for _ in range(6):
            self.look()
            for name, each in self.book.steps.items():
                if each.ask is not None:
                    self.book.approve(name)
            self.people_do_their_part()
            self.book.press(Press.RESUME)

    @rule()
    def an_old_leader_acts_late(self) -> None:
        self.safely(self.stale)

    @rule(at=st.integers(1, 12))
    def crash_soon(self, at: int) -> None:
        self.crashes.at = frozenset({len(self.crashes.passed) + at})

    @rule(failing=st.booleans())
    def world(self, failing: bool) -> None:
        self.failing = failing

    @rule(drift=st.sampled_from([(), (), ("orders is in epoch 8 now.",)]))
    def change(self, drift: tuple[str, ...]) -> None:
        self.book.drift = drift

    @rule()
    def time_passes(self) -> None:
        aged(self.book)
        for name, each in self.book.steps.items():
            if each.ask is not None:
                self.book.change(name, ask=replace(each.ask, age=LIFE_SECONDS))

    @rule(name=NAMES, no=st.booleans())
    def answer(self, name: str, no: bool) -> None:
        ask = self.book.steps[name].ask
        if ask is not None:
            self.book.approve(name, Weighed((), (), "", "chloe") if no else None)

    @rule(press=st.sampled_from(PRESSES), roles=ROLES)
    def press(self, press: Press, roles: frozenset[str]) -> None:
        self.book.press(press, roles=roles)

    @rule(press=st.sampled_from([Press.RETRY, Press.SKIP]), name=NAMES, roles=ROLES)
    def press_on_a_step(self, press: Press, name: str, roles: frozenset[str]) -> None:
        self.book.press(press, step=name, roles=roles)

    @rule(names=st.lists(NAMES, max_size=4))
    def skip_whatever_waits(self, names: list[str]) -> None:
        """Who may, and is in a hurry."""
        for name in names:
            self.book.press(Press.SKIP, step=name)
        self.look()

    @rule()
    def people_do_their_part(self) -> None:
        for name, each in self.book.steps.items():
            for act in each.acts:
                if act.state is ActState.UNKNOWN:
                    truth = "done" if self.agents[name].keys[act.key] else "failed"
                    self.book.press(Press.TELL, step=name, key=act.key, to=truth)
                self.book.press(Press.REPORT, step=name, key=act.key)

    @invariant()
    def nothing_is_done_twice(self) -> None:
        for name, agent in self.agents.items():
            assert all(n == 1 for n in agent.keys.values())
            for target, n in agent.targets.items():
                acts = [act for act in self.book.steps[name].acts if act.target == target]
                told = [act for act in acts if act.state is ActState.FAILED and agent.keys[act.key]]
                assert n <= 1 + len(told), "only what was called failed is done again"

    @invariant()
    def nothing_begins_too_early(self) -> None:
        for name, each in self.book.steps.items():
            if not each.acts:
                continue
            assert self.book.plan.mode is not Mode.SIMULATION
            before = [self.book.steps[need] for need in self.all_before(name)]
            guards = [one for one in before if one.planned.kind in UNSKIPPABLE]
            assert all(one.state is StepState.DONE for one in guards)
            if need_of(each.planned, self.book.plan.mode):
                rounds = {f"{name} {act.round}" for act in each.acts}
                assert rounds <= self.approved, "each round has its own approvals"

    def all_before(self, name: str) -> set[str]:
        """Nobody goes round a gate by a skip of what stands between."""
        needs = set(self.book.steps[name].planned.needs)
        return needs.union(*(self.all_before(need) for need in needs))

    @invariant()
    def an_end_is_an_end(self) -> None:
        if self.ended is not None:
            assert self.book.state is self.ended
        if self.book.state in ENDED:
            self.ended = self.book.state
            assert self.book.orders() == ()
            acts = [act for step in self.book.steps.values() for act in step.acts]
            assert not [act for act in acts if act.state is ActState.INTENDED]

    @invariant()
    def somebody_is_waited_for_or_something_goes_on(self) -> None:
        if self.book.state in ENDED:
            return
        assert self.book.orders() or waits(self.book.sight()), "it stands still in silence"

    def teardown(self) -> None:
        """An abort ends it from wherever it stands."""
        if not hasattr(self, "book") or self.book.press(Press.ABORT):
            return
        self.crashes.at = frozenset()
        for _ in range(5):
            self.safely(self.book.orders())
            aged(self.book)
        assert self.book.state is RunState.ABORTED


TestCrowd = Crowd.TestCase
TestCrowd.settings = settings(max_examples=25, stateful_step_count=40)
