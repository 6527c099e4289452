"""One look at every run that is not over: load, decide, act. The leader's; a crash anywhere resumes
by asking again.

Invariants: a round ends once its budget is spent, and the next one begins with who has waited
longest; whatever is wrong with one run costs that run alone, and rings; what people aborted comes
to rest whatever is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import DatabaseError

from recovery.audit.facts import Actor
from recovery.core.errors import Conflict, NotLeader, Refused
from recovery.drp import queries
from recovery.drp.actions import RowLedger, count_pulse
from recovery.drp.actions.announcements import announce
from recovery.drp.actions.apart import ring_apart
from recovery.drp.actions.giving_up import rest_unreadable
from recovery.drp.actions.unreadable import end_unreadable, ring_pins, ring_unreadable
from recovery.drp.announcing import Promise, announcements
from recovery.drp.approvals.proofs import refuse_pins
from recovery.drp.executing import FailPoint, nowhere
from recovery.drp.facts import Mode, RunState
from recovery.drp.models import Run
from recovery.drp.queries.once import look_again, one_look
from recovery.drp.queries.promises import lost_at, promised
from recovery.drp.rounds.taking import Hands, Memory, Round, Turn, raise_if_away, told
from recovery.drp.rounds.troubles import STRIKES
from recovery.drp.rounds.turns import BUDGET_SECONDS, Budget
from recovery.drp.sights import GateSight, RunSight, with_looks

log = structlog.get_logger()
MOST_TURNS = 4
"""Of one run in one round."""
APART_EVERY = timedelta(seconds=5)
"""What stays set apart waits for people, who take longer."""


@dataclass(slots=True)
class Cycle:
    """`hands`: who does what in a run; `gates` and `expected`: what is looked at for it. `clock`:
    monotonic; `seen`: when it last looked, by such a one; `back`: which services of a run's plan
    serve again, by name; `looked`: when for copies that no run has."""

    hands: Callable[[Run, Actor, datetime], Hands]
    gates: Callable[[RunSight], Mapping[str, GateSight]]
    expected: Callable[[RunSight], Mapping[str, tuple[bool, str]]]
    fail: FailPoint = nowhere
    back: Callable[[Run, datetime], frozenset[str]] = lambda _, __: frozenset()
    clock: Callable[[], float] = lambda: 0.0
    budget: float = BUDGET_SECONDS
    seen: float | None = field(default=None)
    looked: datetime | None = field(default=None)
    memory: Memory = field(default_factory=Memory)

    @property
    def is_behind(self) -> bool:
        """Somebody still waits for a turn."""
        return self.memory.is_behind

    def carry_on(self, *, actor: Actor, now: datetime, monotonic: float, hold: str = "") -> int:
        """Carry out what follows now; the number of orders."""
        taken = self._carry_on(actor=actor, now=now, monotonic=monotonic, hold=hold)
        if self.looked is None or not timedelta() <= now - self.looked < APART_EVERY:
            self.looked = now
            ring_apart(actor=actor, now=now)
        return taken

    def _carry_on(self, *, actor: Actor, now: datetime, monotonic: float, hold: str) -> int:
        runs = queries.unended_runs()
        if self.seen is not None and runs:
            count_pulse([run.pk for run in runs], monotonic - self.seen)
        self.seen = monotonic
        self.memory.begin_round(frozenset(run.pk for run in runs))
        if not runs:
            return 0
        budget = Budget.of(self.clock, self.budget)
        taken = self._each(runs, Round(actor, now, hold, budget, self.memory, self.fail))
        if why := refuse_pins():
            ring_pins(why, actor=actor, now=now)
        end_unreadable(list(taken), has_pins=not why, actor=actor, now=now)
        return sum(taken.values())

    def _each(self, runs: Sequence[Run], round: Round) -> dict[UUID, int]:
        """Of each run that could be carried on, how many orders."""
        taken: dict[UUID, int] = {}
        with one_look():
            turns = self.memory.turns
            for number, run in enumerate(turns.in_order(runs, lambda run: (run.pk,))):
                if number and round.is_over():
                    break
                turns.serve((run.pk,))
                found = self._safely(run, round)
                if found is not None:
                    taken[run.pk] = found
        return taken

    def _safely(self, run: Run, round: Round) -> int | None:
        """None where it cannot be carried on. Whatever is wrong with one run, the next one, and
        all else that the leader watches, goes on."""
        try:
            taken = self._carried(run, round)
        except NotLeader:
            raise
        except Exception as error:
            raise_if_away(error)
            log.exception("a run cannot be carried on", run=str(run))
            look_again()
            self._unreadable(run, error, round)
            return None
        self.memory.troubles.went_well((run.pk,))
        return taken

    def _unreadable(self, run: Run, error: Exception, round: Round) -> None:
        """It rings; what the rows refuse rings where it stays; what people aborted comes to
        rest."""
        actor, now, why = round.actor, round.now, told(error)
        self.memory.troubles.met((run.pk,), STRIKES)
        is_grave = self.memory.troubles.is_grave((run.pk,), STRIKES)
        try:
            if is_grave or not isinstance(error, DatabaseError):
                ring_unreadable(run, why, actor=actor, now=now)
            if is_grave and run.state == RunState.ABORTING:
                rest_unreadable(run=run, why=why, actor=actor, now=now)
                end_unreadable([run.pk], has_pins=False, actor=actor, now=now)
        except (Conflict, Refused, DatabaseError) as again:
            raise_if_away(again)
            log.warning("not told", run=str(run), reason=str(again))

    def _carried(self, run: Run, round: Round) -> int:
        taken = 0
        for number in range(MOST_TURNS):
            if number and round.is_over():
                break
            written = self._turn(run, round)
            taken += written
            if not written:
                break
            look_again()
        return taken

    def _turn(self, run: Run, round: Round) -> int:
        ledger = RowLedger(run.pk, round.actor, round.now, round.hold)
        plain = queries.run_sight(queries.load_run(run.pk), hold=ledger.hold)
        ledger.gates, ledger.expected = self.gates(plain), self.expected(plain)
        sight = with_looks(plain, ledger.gates, ledger.expected)
        self._announce(run, sight, round)
        hands = self.hands(run, round.actor, round.now)
        return Turn(round, run, sight, ledger, hands).take()

    def _announce(self, run: Run, sight: RunSight, round: Round) -> None:
        """What is not told by now is in the next round; the run goes on all the same."""
        memory = self.memory
        try:
            if run.pk not in memory.since:
                memory.since[run.pk] = lost_at(run)
            promises = _promises(run, memory.since[run.pk], round.now)
            due = [
                one
                for one in announcements(sight, promises)
                if (run.pk, one.key) not in memory.told
            ]
            served = self.back(run, round.now) if any(one.service for one in due) else frozenset()
            for one in due:
                if one.service not in served:
                    announce(run=run, told=one, actor=round.actor, now=round.now)
                    memory.told.add((run.pk, one.key))
        except NotLeader:
            raise
        except Exception as error:
            raise_if_away(error)
            log.exception("its time is not told", run=str(run))


def _promises(run: Run, since: datetime | None, now: datetime) -> list[Promise]:
    """Of what was lost: of a drill and of a planned move nobody of production waits for any."""
    if since is None or run.mode != Mode.DISASTER:
        return []
    elapsed = (now - since).total_seconds()
    return [
        Promise(one.name, float(one.rto), elapsed, has_scope=one.covers is not None)
        for one in promised(run)
    ]
