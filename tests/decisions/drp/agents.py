"""A world in which acts are counted, an agent with a journal, and crashes where they hurt most."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from recovery.core.errors import Conflict
from recovery.drp.approvals.facts import LIFE_SECONDS
from recovery.drp.executing import carry_out
from recovery.drp.facts import ENDED, LOOKS, ActState, Kind, RunState, StepState
from recovery.drp.press import Press
from recovery.drp.sights import Heard, Order, Outcome
from tests.support.drp_book import Book

OBSERVABLE = frozenset(Kind) - {Kind.WEBHOOK, Kind.NOTIFY}
"""Of the others nobody can see afterwards whether they were done."""


class Crash(Exception):
    """The process that passed here is gone."""


class AgentCrash(Crash):
    """The agent's process is."""


@dataclass
class Crashes:
    """Raises at the passings named in `at`, counted over the whole run."""

    at: frozenset[int] = frozenset()
    passed: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> None:
        self.passed.append(name)
        if len(self.passed) in self.at:
            raise AgentCrash(name) if name.startswith("agent") else Crash(name)


@dataclass
class Agent:
    """Its journal and the world outlive it. What it can see afterwards, it looks at."""

    kind: Kind
    fail: Crashes
    journal: dict[str, Outcome | None] = field(default_factory=dict)
    keys: Counter[str] = field(default_factory=Counter)
    targets: Counter[str] = field(default_factory=Counter)
    delivered: list[Order] = field(default_factory=list)

    def act(self, order: Order) -> Outcome:
        try:
            self.delivered.append(order)
            return self._act(order)
        except AgentCrash:
            return Outcome(Heard.UNDER_WAY, "No answer came.")

    def look(self, order: Order) -> Outcome:
        if self.kind is Kind.MANUAL:
            return Outcome(Heard.UNDER_WAY)
        try:
            return self._look(order.key)
        except AgentCrash:
            return Outcome(Heard.UNDER_WAY, "No answer came.")

    def _act(self, order: Order) -> Outcome:
        assert order.target is not None
        if self.kind is Kind.MANUAL:
            return Outcome(Heard.UNDER_WAY)
        if self.kind in LOOKS:
            self.fail("agent before answer")
            return Outcome(Heard.DONE, "It is so.")
        if order.key in self.journal:
            return self._look(order.key)
        self.fail("agent before note")
        self.journal[order.key] = None
        self.fail("agent after note")
        self.keys[order.key] += 1
        self.targets[order.target.key] += 1
        self.fail("agent after effect")
        self.journal[order.key] = Outcome(Heard.DONE, "It was done.")
        self.fail("agent after result")
        return Outcome(Heard.DONE, "It was done.")

    def _look(self, key: str) -> Outcome:
        if key not in self.journal:
            return Outcome(Heard.NEVER)
        known = self.journal[key]
        if known is None and self.kind in OBSERVABLE:
            done = Outcome(Heard.DONE, "It was seen to be done.")
            known = done if self.keys[key] else Outcome(Heard.FAILED, "It was not done.")
            self.fail("agent after observation")
            self.journal[key] = known
        return known or Outcome(Heard.UNKNOWN, "Nobody can see whether it was done.")


@dataclass
class Play:
    """One run from its start to its end, whatever dies meanwhile."""

    book: Book
    agent: Agent
    fail: Crashes

    def run(self, *, most: int = 120) -> None:
        assert self.book.press(Press.START) == ""
        for _ in range(most):
            if self.book.state in ENDED:
                return
            self.round()
        raise AssertionError(f"it never ends: {self.book.log}")

    def round(self) -> None:
        """A look of whoever leads now, then of the people."""
        try:
            for order in self.book.orders():
                carry_out(order, self.book, self.agent, self.fail)
        except (Crash, Conflict):
            pass
        self.people()

    def people(self) -> None:
        """They approve, report, look at what nobody knows and say the truth, and go on."""
        for name, step in list(self.book.steps.items()):
            if step.state is StepState.ASKING:
                self.book.approve(name)
            for act in step.acts:
                if act.state is ActState.UNKNOWN:
                    truth = "done" if self.agent.keys[act.key] else "failed"
                    assert self.book.press(Press.TELL, step=name, key=act.key, to=truth) == ""
                if act.state is ActState.INTENDED and self.agent.kind is Kind.MANUAL:
                    assert self.book.press(Press.REPORT, step=name, key=act.key) == ""
            has_failed = self.book.steps[name].state is StepState.FAILED
            if has_failed and self.book.state is RunState.PAUSED:
                assert self.book.press(Press.RETRY, step=name) == ""
        if self.book.state is RunState.PAUSED:
            assert self.book.press(Press.RESUME) == ""

    def deliver_all_again(self) -> None:
        """Every message that was ever sent arrives once more, late."""
        for order in list(self.agent.delivered):
            self.agent.act(order)


def aged(book: Book, seconds: float = LIFE_SECONDS) -> None:
    """Whatever is on its way has been so for long."""
    for name, step in book.steps.items():
        acts = tuple(
            replace(act, age=seconds) if act.state is ActState.INTENDED else act
            for act in step.acts
        )
        book.change(name, acts=acts)
