"""Who does what a step orders. A kind without a hand is in no run but a simulation.

Invariant: each keeps its keys where a crash leaves them: in rows of its own, or, of a look,
nowhere, because nothing is changed by it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from recovery.alarms.actions import raise_alarm
from recovery.alarms.facts import Severity
from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.drp.executing import Hand
from recovery.drp.facts import Kind, Mode
from recovery.drp.looking import Look, World, look
from recovery.drp.models import Run
from recovery.drp.plan import Plan, PlannedStep
from recovery.drp.queries.runs import plan_of
from recovery.drp.runbooks.kinds import Condition
from recovery.drp.sights import Heard, Order, Outcome


@dataclass(slots=True)
class Watching:
    """check, wait_until, verify. `since`: when a condition was first seen to hold without a break,
    by the monotonic clock of this process: another one begins to count anew."""

    step: Callable[[Order], PlannedStep]
    world: Callable[[Order], World]
    monotonic: Callable[[], float]
    since: dict[str, float] = field(default_factory=dict)

    def act(self, order: Order) -> Outcome:
        step, seen = self.step(order), self._looks(order)
        said = " ".join(one.said for one in seen)
        holds = all(one.holds(int(step.params.get("at_least", 100))) for one in seen)
        if step.kind is not Kind.WAIT_UNTIL:
            return Outcome(Heard.DONE if holds else Heard.FAILED, said)
        if not holds:
            self.since.pop(order.key, None)
            return Outcome(Heard.UNDER_WAY, said)
        began = self.since.setdefault(order.key, self.monotonic())
        is_long_enough = self.monotonic() - began >= float(step.params["holds_for"])
        return Outcome(Heard.DONE if is_long_enough else Heard.UNDER_WAY, said)

    def look(self, order: Order) -> Outcome:
        """Nothing is changed by it: look again."""
        return self.act(order)

    def _looks(self, order: Order) -> list[Look]:
        named = self.step(order).params["that"]
        conditions = [named] if isinstance(named, str) else named
        there = self.world(order)
        return [look(Condition(each), there) for each in conditions]


class ByHand:
    """manual, approval: a person's word ends it."""

    def act(self, order: Order) -> Outcome:
        return Outcome(Heard.UNDER_WAY, "A person does it.")

    def look(self, order: Order) -> Outcome:
        return Outcome(Heard.UNDER_WAY, "A person does it.")


@dataclass(slots=True)
class Telling:
    """notify, to the team: an alarm of this key, which is raised once."""

    step: Callable[[Order], PlannedStep]
    actor: Actor
    now: datetime

    def act(self, order: Order) -> Outcome:
        step = self.step(order)
        raise_alarm(
            key=self._name(order),
            severity=Severity.NOTICE,
            title=f"{step.title}: {step.params['message']}"[:300],
            body=str(step.params["message"]),
            incident=None,
            actor=self.actor,
            reason=order.reason,
            now=self.now,
        )
        return Outcome(Heard.DONE, "It stands in the outbox.")

    def look(self, order: Order) -> Outcome:
        if Alarm.objects.filter(key=self._name(order)).exists():
            return Outcome(Heard.DONE, "It stands in the outbox.")
        return Outcome(Heard.NEVER)

    @staticmethod
    def _name(order: Order) -> str:
        return f"drp:{hashlib.sha256(order.key.encode()).hexdigest()}"


HANDED = frozenset(
    {Kind.CHECK, Kind.WAIT_UNTIL, Kind.VERIFY, Kind.MANUAL, Kind.APPROVAL, Kind.NOTIFY}
)
"""Kinds that have a hand."""


def refuse_plan(plan: Plan) -> str:
    """Why this version cannot carry a plan out; empty where it can."""
    if plan.mode is Mode.SIMULATION:
        return ""
    missing = {step.kind.value for step in plan.steps if not _has_hand(step)}
    if not missing:
        return ""
    names = ", ".join(sorted(missing))
    return f"This version of Tocsin simulates {names}, and does not carry it out yet."


def _has_hand(step: PlannedStep) -> bool:
    reaches = step.kind is not Kind.NOTIFY or step.params.get("audience") == "team"
    return step.kind in HANDED and reaches


def hands_of(
    run: Run,
    world: Callable[[Order], World],
    *,
    waiting: dict[str, float],
    actor: Actor,
    now: datetime,
    monotonic: Callable[[], float],
) -> Mapping[Kind, Hand]:
    """Of one run, for one round of the leader."""
    plan = plan_of(run)

    def step(order: Order) -> PlannedStep:
        return plan.step(order.step)

    watching = Watching(step, world, monotonic, waiting)
    return {
        Kind.CHECK: watching,
        Kind.WAIT_UNTIL: watching,
        Kind.VERIFY: watching,
        Kind.MANUAL: ByHand(),
        Kind.APPROVAL: ByHand(),
        Kind.NOTIFY: Telling(step, actor, now),
    }
