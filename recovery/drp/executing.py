"""One order carried out: intent, act, observation (B8). Between any two of them it may be killed.

Invariants: a row says `intended` before anything outside is touched; whatever is touched knows the
key, so that the same order twice is one act; an outcome that nobody has seen is asked for, never
assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from recovery.drp.sights import Do, Heard, Order, Outcome

FailPoint = Callable[[str], None]
"""Called where a crash would be worst; does nothing outside tests."""
FAIL_POINTS = (
    "before_intent",
    "after_intent",
    "after_act",
    "before_look",
    "after_look",
    "before_record",
    "after_record",
    "before_write",
    "after_write",
)


class Hand(Protocol):
    """Whoever does it: an agent, a provider, Tocsin's own rows. It keeps a journal of keys."""

    def act(self, order: Order) -> Outcome:
        """Do it under `order.key`, or say what became of it before. `UNDER_WAY`: look later."""

    def look(self, order: Order) -> Outcome:
        """What it knows of the key. `NEVER`: it was not heard of, and will not be done late."""


class Ledger(Protocol):
    """The rows. Each call is one transaction, and `Conflict` where somebody was first."""

    def write(self, order: Order) -> None:
        """Everything that is no act: ask, begin, settle, pause, finish."""

    def intend_all(self, orders: Sequence[Order]) -> Sequence[Order]:
        """The rows of these acts of one step, after approvals, drift and the targets' epochs were
        looked at in it; of which there are rows now. `Conflict` where none of them follows any
        more."""

    def check(self, order: Order) -> Outcome | None:
        """Before what was intended is begun after all: `Refused` unless it would be intended now,
        too; an outcome where it will never be begun."""

    def record(self, order: Order, outcome: Outcome) -> None:
        """How the act ended."""

    def is_unknown(self, order: Order) -> bool:
        """Whether a person is asked about it: then nothing is done again by itself."""


def nowhere(name: str) -> None:
    """The fail point of everyday."""


def carry_out(order: Order, ledger: Ledger, hand: Hand, fail: FailPoint = nowhere) -> bool:
    """This one order; whether a row was written by it. Who still waits has got no further."""
    if order.do is Do.INTEND:
        for each in intend([order], ledger, fail):
            begin(each, ledger, hand, fail)
        return True
    if order.do is Do.LOOK:
        fail("before_look")
        outcome = _seen(order, ledger, hand)
        fail("after_look")
        return _keep(order, outcome, ledger, fail)
    fail("before_write")
    ledger.write(order)
    fail("after_write")
    return True


def intend(orders: Sequence[Order], ledger: Ledger, fail: FailPoint = nowhere) -> Sequence[Order]:
    """Acts of one step in one transaction; those that are to be begun now."""
    fail("before_intent")
    intended = ledger.intend_all(orders)
    fail("after_intent")
    return intended


def begin(order: Order, ledger: Ledger, hand: Hand, fail: FailPoint = nowhere) -> None:
    """What was intended is done. Whoever dies before it is followed by a look."""
    outcome = hand.act(order)
    fail("after_act")
    _keep(order, outcome, ledger, fail)


def _seen(order: Order, ledger: Ledger, hand: Hand) -> Outcome:
    outcome = hand.look(order)
    if outcome.heard is Heard.NEVER and not ledger.is_unknown(order):
        return ledger.check(order) or hand.act(order)
    return outcome


def _keep(order: Order, outcome: Outcome, ledger: Ledger, fail: FailPoint) -> bool:
    if outcome.heard in {Heard.UNDER_WAY, Heard.NEVER}:
        return False
    if outcome.heard is Heard.UNKNOWN and ledger.is_unknown(order):
        return False
    fail("before_record")
    ledger.record(order, outcome)
    fail("after_record")
    return True
