"""One turn of one run: what follows now is carried out, as far as the round's budget goes.

Invariant: whatever goes wrong with an order costs that order alone: it is tried again, then given
up, and told once; what is refused for long is told, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import structlog
from django.db import DatabaseError, connection

from recovery.audit.facts import Actor
from recovery.core.errors import Conflict, NotLeader, Refused
from recovery.drp.actions.giving_up import end_step_alarm, give_up, ring_step
from recovery.drp.decide import next_orders
from recovery.drp.executing import FailPoint, Hand, Ledger, begin, carry_out, intend, nowhere
from recovery.drp.facts import Kind, RunState
from recovery.drp.hands.by_hand import ByHand
from recovery.drp.models import Run
from recovery.drp.queries.once import look_again
from recovery.drp.rounds.troubles import STANDSTILL, STRIKES, Troubles
from recovery.drp.rounds.turns import OF_THE_RUN, Budget, Key, Turns, batches
from recovery.drp.sights import Do, Order, RunSight

log = structlog.get_logger()
NOBODY = ByHand()
Hands = Mapping[Kind, Hand]
T = TypeVar("T")


@dataclass(slots=True)
class Memory:
    """What a leader remembers between rounds; another one begins without it. `is_behind`: the
    newest round was over before everybody had a turn."""

    turns: Turns = field(default_factory=Turns)
    troubles: Troubles = field(default_factory=Troubles)
    is_behind: bool = False
    told: set[Key] = field(default_factory=set)
    """What was announced."""
    since: dict[UUID, datetime | None] = field(default_factory=dict)
    """When what a run recovers was lost: its decision is frozen."""

    def begin_round(self, runs: frozenset[object]) -> None:
        """What is about other runs is forgotten: each key begins with its run's."""
        self.is_behind = False
        self.troubles.round += 1
        self.turns.forget(lambda key: key[0] in runs)
        self.troubles.forget(lambda key: key[0] in runs)
        self.told = {key for key in self.told if key[0] in runs}
        self.since = {run: at for run, at in self.since.items() if run in runs}


@dataclass(frozen=True, slots=True)
class Round:
    """Who leads, when, and until when; `hold`: why nothing may begin."""

    actor: Actor
    now: datetime
    hold: str
    budget: Budget
    memory: Memory
    fail: FailPoint = nowhere

    def is_over(self) -> bool:
        """Whoever asks is somebody who still waits for a turn."""
        if self.budget.is_spent:
            self.memory.is_behind = True
            return True
        return False


@dataclass(frozen=True, slots=True)
class Turn:
    """One look at one run, and what follows from it."""

    round: Round
    run: Run
    sight: RunSight
    ledger: Ledger
    hands: Hands

    def take(self) -> int:
        """How many orders wrote a row. One batch is carried out in any case."""
        turns, taken = self.round.memory.turns, 0
        orders = next_orders(self.sight)
        first = [order for order in orders if order.do in OF_THE_RUN]
        rest = [order for order in orders if order.do not in OF_THE_RUN]
        for number, batch in enumerate(batches([*first, *turns.in_order(rest, self._seat)])):
            if number and self.round.is_over():
                break
            for order in batch:
                turns.serve(self._seat(order))
            taken += self._batch(batch)
        return taken

    def _seat(self, order: Order) -> tuple[object, ...]:
        return (self.run.pk, order.step, order.target.key if order.target else "")

    def _batch(self, batch: Sequence[Order]) -> int:
        first, fail = batch[0], self.round.fail
        hand = self.hands.get(self._kind(first), NOBODY)
        if first.do is not Do.INTEND:
            done = self._tried(first, lambda: carry_out(first, self.ledger, hand, fail))
            return int(done or False)
        due = self._tried(first, lambda: intend(batch, self.ledger, fail)) or ()
        for number, order in enumerate(due):
            if number and self.round.is_over():
                break  # a look will find that it was never begun
            self._tried(order, lambda order=order: begin(order, self.ledger, hand, fail))  # type: ignore[misc]
        return len(due)

    def _kind(self, order: Order) -> Kind:
        return self.sight.plan.step(order.step).kind if order.step else Kind.MANUAL

    # ------------------------------------------------------------------ what goes wrong

    def _tried(self, order: Order, do: Callable[[], T]) -> T | None:
        """None where it did nothing: somebody was first, it is refused for now, or it met an error
        that nobody foresaw."""
        try:
            done = do()
        except (Conflict, Refused) as error:
            self._refused(order, str(error))
            return None
        except NotLeader:
            raise
        except Exception as error:  # whatever it is, the next order is another one
            raise_if_away(error)
            look_again()
            if not self._met(order, error):
                log.exception("an order met an error", run=str(self.run), step=order.step)
            return None
        self._went_well(order)
        if done is not False:
            log.info("drp", run=str(self.run), order=order.do, step=order.step, reason=order.reason)
        return done

    def _key(self, order: Order, what: str) -> tuple[object, ...]:
        return (self.run.pk, what, order.step, order.key or order.do)

    def _refused(self, order: Order, why: str) -> None:
        log.info("not this round", run=str(self.run), order=order.do, reason=why)
        if self.sight.state is not RunState.RUNNING or self.sight.hold:
            return  # it is meant to stand still, and says so
        if self.round.memory.troubles.met(self._key(order, "refused"), STANDSTILL):
            self._tell(order, lambda: self._ring(order, f"It stands still: {why}"))

    def _met(self, order: Order, error: Exception) -> bool:
        """Whether it is known and told by now."""
        troubles, key = self.round.memory.troubles, self._key(order, "error")
        was_told = troubles.is_grave(key, STRIKES)
        if troubles.met(key, STRIKES):
            self._tell(order, lambda: self._give_up(order, told(error)))
        return was_told

    def _tell(self, order: Order, do: Callable[[], None]) -> None:
        """What cannot be written now begins to count anew."""
        try:
            do()
        except (Conflict, Refused, DatabaseError) as error:
            raise_if_away(error)
            log.warning("not told", run=str(self.run), step=order.step, reason=str(error))
            for what in ("error", "refused"):
                self.round.memory.troubles.went_well(self._key(order, what))

    def _give_up(self, order: Order, why: str) -> None:
        if not order.step:
            self._ring(order, why)
            return
        give_up(
            run=self.run,
            order=order,
            kind=self._kind(order),
            why=why,
            actor=self.round.actor,
            now=self.round.now,
        )

    def _ring(self, order: Order, why: str) -> None:
        actor, now = self.round.actor, self.round.now
        ring_step(run=self.run, step=order.step, why=why, actor=actor, now=now)

    def _went_well(self, order: Order) -> None:
        troubles = self.round.memory.troubles
        was_told = troubles.went_well(self._key(order, "error")) >= STRIKES
        was_told |= troubles.went_well(self._key(order, "refused")) >= STANDSTILL
        if was_told:
            actor, now = self.round.actor, self.round.now
            end_step_alarm(run=self.run, step=order.step, actor=actor, now=now)


def told(error: Exception) -> str:
    """As people read it."""
    return f"{type(error).__name__}: {error}".strip()


def raise_if_away(error: Exception) -> None:
    """Rows that are away are no fault of what was tried, and another thing for whoever leads."""
    if isinstance(error, DatabaseError) and not connection.is_usable():
        raise error
