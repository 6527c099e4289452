"""Orders become rows: one transaction each, under the leader's epoch.

Invariants: an order is written only where the engine still gives it, looked at again under the
run's lock; approvals are used up in the transaction that lets the step begin; an intent rests on
approvals that are proven in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError

from recovery.alarms.actions import raise_alarm
from recovery.alarms.facts import Severity
from recovery.audit.facts import Actor
from recovery.core import control, incarnations, transitions
from recovery.core.errors import Conflict, Refused
from recovery.drp import queries
from recovery.drp.actions.asks import end_question, late, open_ask, withdraw_questions
from recovery.drp.actions.giving_up import end_alarms_of
from recovery.drp.approvals.facts import AskState
from recovery.drp.decide import next_orders, refuse_act
from recovery.drp.facts import ActState, RunState, StepState
from recovery.drp.models import Act, Approval, ApprovalUse, Run, RunStep
from recovery.drp.queries.once import one_look
from recovery.drp.queries.promoted import has_begun
from recovery.drp.queries.runs import pulse_of, refuse_authority
from recovery.drp.sights import (
    HALF_DONE,
    NEVER_BEGUN,
    Do,
    GateSight,
    Heard,
    Order,
    Outcome,
    RunSight,
    with_looks,
)

ENDS = {Heard.DONE: ActState.DONE, Heard.FAILED: ActState.FAILED, Heard.UNKNOWN: ActState.UNKNOWN}
ON_RUN = {
    Do.PAUSE: RunState.PAUSED,
    Do.ABORT: RunState.ABORTING,
    Do.FINISH: RunState.DONE,
    Do.REST: RunState.ABORTED,
}


def _act(row: RunStep, order: Order, at: datetime) -> Act:
    assert order.target is not None, "an act has a target"
    return Act(
        step=row,
        key=order.key,
        target=order.target.key,
        target_name=order.target.name,
        number=order.number,
        round=row.round,
        intended_at=at,
    )


@dataclass(slots=True)
class RowLedger:
    """Of one run, for one leader. `hold`, `gates`, `expected`: what was looked at this round."""

    run: UUID
    actor: Actor
    now: datetime
    hold: str = ""
    gates: Mapping[str, GateSight] = field(default_factory=dict)
    expected: Mapping[str, tuple[bool, str]] = field(default_factory=dict)

    @contextmanager
    def _deciding(self) -> Iterator[Run]:
        with control.deciding(self.actor.epoch):
            if quarantined := incarnations.quarantine_reason():
                raise Refused(quarantined)
            yield (
                Run.objects.select_for_update(of=("self",))
                .select_related("runbook")
                .get(pk=self.run)
            )

    def _still(self, run: Run, order: Order) -> RunSight:
        """The engine gives this very order on the rows as they are now."""
        sight, follow = self._now(run, anew=order.do in {Do.BEGIN, Do.LOOK})
        if order not in follow:
            raise Conflict(f"{order.do} {order.step} is not what follows any more.")
        return sight

    def _now(self, run: Run, *, anew: bool) -> tuple[RunSight, tuple[Order, ...]]:
        """The run, and what follows. `anew`: what may begin something is compared with an inventory
        that is read in this transaction."""
        with one_look(anew=anew):
            seen = queries.run_sight(run, hold=self.hold)
        sight = with_looks(seen, self.gates, self.expected)
        return sight, next_orders(sight)

    def write(self, order: Order) -> None:
        """Everything that is no act."""
        with self._deciding() as run:
            self._still(run, order)
            if order.do in ON_RUN:
                self._move_run(run, ON_RUN[order.do], order)
            elif order.do in {Do.TIME_OUT, Do.LOSE_SIGHT}:
                lost = order.do is Do.LOSE_SIGHT
                state = ActState.UNKNOWN if lost else ActState.FAILED
                self._end_act(order, state, order.reason)
            else:
                row = RunStep.objects.select_for_update(of=("self",)).select_related("run")
                self._on_step(run, row.get(run=run, name=order.step), order)

    def _on_step(self, run: Run, row: RunStep, order: Order) -> None:
        match order.do:
            case Do.ASK:
                open_ask(row, actor=self.actor, reason=order.reason, now=self.now)
                self._move_step(row, StepState.ASKING, order)
            case Do.RENEW:
                self._end_ask(row, AskState.EXPIRED, order)
                open_ask(row, actor=self.actor, reason=order.reason, now=self.now)
                self._ring(row, order)
            case Do.VOID:
                self._end_ask(row, AskState.VOID, order)
                self._move_step(row, StepState.PENDING, order)
            case Do.DENY:
                self._end_ask(row, AskState.DENIED, order)
                self._move_step(row, StepState.PENDING, order)
                self._move_run(run, RunState.PAUSED, order)
            case Do.BEGIN:
                self._use(row, order)
                self._move_step(row, StepState.BEGUN, order)
                self._end_ask(row, AskState.USED, order)
                self._authorised(run, row)
            case Do.SETTLE_DONE | Do.SETTLE_FAILED:
                done = order.do is Do.SETTLE_DONE
                self._move_step(row, StepState.DONE if done else StepState.FAILED, order)
            case _:
                raise Refused(f"{order.do} is nothing that is written.")

    def intend_all(self, orders: Sequence[Order]) -> Sequence[Order]:
        """The acts' rows, of one step, before anything is done; of those that still follow."""
        with self._deciding() as run:
            _, follow = self._now(run, anew=True)
            standing = frozenset(follow)
            due = [order for order in orders if order in standing]
            if not due:
                raise Conflict(f"{orders[0].step}: to begin it is not what follows any more.")
            row = run.steps.select_for_update(of=("self",)).get(name=due[0].step)
            self._authorised(run, row)
            at = queries.database_now()
            acts = [_act(row, order, at) for order in due]
            reason = due[0].reason
            try:
                transitions.create(acts, actor=self.actor, reason=reason, now=self.now)
            except IntegrityError as error:
                raise Conflict(f"{due[0].key} is intended already.") from error
        return due

    def check(self, order: Order) -> Outcome | None:
        """As strict as to intend it: nothing is begun in a pause, blind, or after a drift."""
        with self._deciding() as run:
            sight = self._still(run, order)
            if sight.state is RunState.ABORTING:
                return HALF_DONE if has_begun(order.key) else NEVER_BEGUN
            if sight.moved and not sight.drift:
                said = f"It was never begun, and meanwhile: {' '.join(sight.moved)}"
                return Outcome(Heard.FAILED, said)
            why = refuse_act(order, sight)
            if why:
                raise Refused(why, kept="It was not begun.")
            row = run.steps.get(name=order.step)
            act = Act.objects.get(step=row, key=order.key)
            if act.target != (order.target.key if order.target else ""):
                raise Refused(f"{order.key} is about another target.")
            self._authorised(run, row)
        return None

    def record(self, order: Order, outcome: Outcome) -> None:
        """How it ended."""
        with self._deciding():
            act = Act.objects.select_for_update().get(key=order.key)
            if act.state == ENDS[outcome.heard]:
                return
            self._end_act(order, ENDS[outcome.heard], outcome.said, epoch=outcome.epoch)

    def is_unknown(self, order: Order) -> bool:
        return Act.objects.filter(key=order.key, state=ActState.UNKNOWN).exists()

    # ------------------------------------------------------------------ one row each

    def _authorised(self, run: Run, row: RunStep) -> None:
        if why := refuse_authority(run, row):
            raise Refused(why, kept="Nothing was begun.")

    def _use(self, row: RunStep, order: Order) -> None:
        uses = [
            ApprovalUse(
                approval=Approval.objects.get(pk=pk),
                step=row,
                round=row.round,
                used_at=queries.database_now(),
                pulse=pulse_of(row.run),
            )
            for pk in order.approvals
        ]
        transitions.create(uses, actor=self.actor, reason=order.reason, now=self.now)

    def _move_run(self, run: Run, to: RunState, order: Order) -> None:
        changes: dict[str, object] = {"state_at": self.now, "state_reason": order.reason}
        if to in {RunState.ABORTING, RunState.ABORTED}:
            withdraw_questions(run, actor=self.actor, reason=order.reason, now=self.now)
        if to in {RunState.DONE, RunState.ABORTED}:
            changes["ended_at"] = self.now
            end_alarms_of(run, actor=self.actor, reason=order.reason, now=self.now)
        transitions.move(
            run, to, actor=self.actor, reason=order.reason, now=self.now, changes=changes
        )

    def _move_step(self, row: RunStep, to: StepState, order: Order) -> None:
        changes = {"state_at": self.now, "said": order.reason}
        transitions.move(
            row, to, actor=self.actor, reason=order.reason, now=self.now, changes=changes
        )

    def _end_ask(self, row: RunStep, to: AskState, order: Order) -> None:
        end_question(row, to, actor=self.actor, reason=order.reason, now=self.now)

    def _end_act(self, order: Order, to: ActState, said: str, *, epoch: int = 0) -> None:
        row = Act.objects.select_for_update().get(key=order.key)
        changes = {
            "ended_at": queries.database_now(),
            "said": said,
            "epoch": epoch,
        }
        transitions.move(
            row, to, actor=self.actor, reason=said or to, now=self.now, changes=changes
        )

    def _ring(self, row: RunStep, order: Order) -> None:
        """An expiry escalates; it never approves."""
        raise_alarm(
            key=late(row),
            severity=Severity.PAGE,
            title=f"{row} waits for an approval that nobody has given",
            body=order.reason,
            incident=None,
            actor=self.actor,
            reason=order.reason,
            now=self.now,
        )
