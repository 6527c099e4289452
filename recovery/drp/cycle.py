"""One look at every run that is not over: load, decide, act. The leader's; a crash anywhere resumes
by asking again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from django.db import DatabaseError

from recovery.audit.facts import Actor
from recovery.core.errors import Conflict, NotLeader, Refused
from recovery.drp import queries
from recovery.drp.actions import RowLedger, count_pulse
from recovery.drp.actions.unreadable import end_unreadable, ring_pins, ring_unreadable
from recovery.drp.approvals.proofs import refuse_pins
from recovery.drp.decide import next_orders
from recovery.drp.executing import FailPoint, Hand, carry_out, nowhere
from recovery.drp.facts import Kind
from recovery.drp.hands.by_hand import ByHand
from recovery.drp.models import Run
from recovery.drp.queries.inventory import one_look
from recovery.drp.sights import GateSight, RunSight, with_looks

log = structlog.get_logger()
NOBODY = ByHand()
MOST_TURNS = 4
"""Of one run in one round."""


Hands = Mapping[Kind, Hand]


@dataclass(slots=True)
class Cycle:
    """`hands`: who does what in a run; `gates` and `expected`: what is looked at for it. `seen`:
    when it last looked, on its own monotonic clock."""

    hands: Callable[[Run, Actor, datetime], Hands]
    gates: Callable[[RunSight], Mapping[str, GateSight]]
    expected: Callable[[RunSight], Mapping[str, tuple[bool, str]]]
    fail: FailPoint = nowhere
    seen: float | None = field(default=None)

    def carry_on(self, *, actor: Actor, now: datetime, monotonic: float, hold: str = "") -> int:
        """Carry out what follows now; the number of orders."""
        runs = queries.unended_runs()
        if self.seen is not None and runs:
            count_pulse([run.pk for run in runs], monotonic - self.seen)
        self.seen = monotonic
        if not runs:
            return 0
        taken = [self._safely(run, actor, now, hold) for run in runs]
        fine = [run.pk for run, n in zip(runs, taken, strict=True) if n is not None]
        if why := refuse_pins():
            ring_pins(why, actor=actor, now=now)
        end_unreadable(fine, has_pins=not why, actor=actor, now=now)
        return sum(n or 0 for n in taken)

    def _safely(self, run: Run, actor: Actor, now: datetime, hold: str) -> int | None:
        """None where it cannot be carried on. Whatever is wrong with one run, the next one, and
        all else that the leader watches, goes on."""
        try:
            return self._carried(run, actor, now, hold)
        except (NotLeader, DatabaseError):
            raise
        except Exception as error:
            log.exception("a run cannot be carried on", run=str(run))
            why = f"{type(error).__name__}: {error}"
            ring_unreadable(run, why, actor=actor, now=now)
            return None

    def _carried(self, run: Run, actor: Actor, now: datetime, hold: str) -> int:
        taken = 0
        for _ in range(MOST_TURNS):
            before = taken
            with one_look():
                taken += self._turn(run, RowLedger(run.pk, actor, now, hold))
            if taken == before:
                break
        return taken

    def _turn(self, run: Run, ledger: RowLedger) -> int:
        plain = queries.run_sight(queries.load_run(run.pk), hold=ledger.hold)
        ledger.gates, ledger.expected = self.gates(plain), self.expected(plain)
        sight = with_looks(plain, ledger.gates, ledger.expected)
        taken, hands = 0, self.hands(run, ledger.actor, ledger.now)
        for order in next_orders(sight):
            kind = sight.plan.step(order.step).kind if order.step else Kind.MANUAL
            hand = hands.get(kind, NOBODY)
            try:
                has_written = carry_out(order, ledger, hand, self.fail)
            except (Conflict, Refused) as error:
                log.info("not this round", run=str(run), order=order.do, reason=str(error))
                continue
            if has_written:
                log.info("drp", run=str(run), order=order.do, step=order.step, reason=order.reason)
                taken += 1
        return taken
