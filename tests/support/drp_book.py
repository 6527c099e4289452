"""A run kept in memory as its rows would be: the same moves, the same compare-and-swap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from recovery.core.errors import Conflict
from recovery.drp.approvals.facts import Weighed
from recovery.drp.decide import next_orders, refuse_act
from recovery.drp.facts import ACT_MOVES, MOVES, STEP_MOVES, ActState, RunState, StepState
from recovery.drp.plan import Plan, digest
from recovery.drp.press import Press, refuse_press
from recovery.drp.sights import (
    NEVER_BEGUN,
    ActSight,
    AskSight,
    Do,
    GateSight,
    Heard,
    Order,
    Outcome,
    RunSight,
    StepSight,
)

EVERY_ROLE = frozenset({"viewer", "responder", "approver", "admin"})
ENDS = {Heard.DONE: ActState.DONE, Heard.FAILED: ActState.FAILED, Heard.UNKNOWN: ActState.UNKNOWN}
NOBODY = Weighed((), (), "Waits for one more person of role approver.")


@dataclass
class Book:
    """Rows. `approve`: what people have said of a step's question so far."""

    plan: Plan
    state: RunState = RunState.PREPARED
    steps: dict[str, StepSight] = field(default_factory=dict)
    drift: tuple[str, ...] = ()
    production: frozenset[str] = frozenset()
    asks: int = 0
    log: list[str] = field(default_factory=list)
    gate: Callable[[StepSight], GateSight | None] = lambda step: GateSight(True, "It holds.")

    def __post_init__(self) -> None:
        self.steps = {step.id: StepSight(step) for step in self.plan.steps}
        self.digest = digest(self.plan)

    def sight(self, quiet: float = 60.0) -> RunSight:
        steps = {
            name: replace(step, gate=self.gate(step), quiet=quiet)
            for name, step in self.steps.items()
        }
        return RunSight(
            id="run",
            plan=self.plan,
            digest=self.digest,
            state=self.state,
            steps=steps,
            drift=self.drift,
            production=self.production,
        )

    # ------------------------------------------------------------------ ledger

    def write(self, order: Order) -> None:
        """Each is one transaction: all of it, or a `Conflict`."""
        self.log.append(f"{order.do} {order.step}".strip())
        match order.do:
            case Do.ASK:
                self.move_step(order.step, StepState.ASKING, ask=self.new_ask())
            case Do.RENEW:
                self.change(order.step, ask=self.new_ask())
            case Do.VOID:
                self.move_step(order.step, StepState.PENDING, ask=None)
            case Do.DENY:
                self.move_step(order.step, StepState.PENDING, ask=None)
                self.move(RunState.PAUSED)
            case Do.BEGIN:
                self.move_step(order.step, StepState.BEGUN, ask=None)
            case Do.SETTLE_DONE:
                self.move_step(order.step, StepState.DONE, said=order.reason)
            case Do.SETTLE_FAILED:
                self.move_step(order.step, StepState.FAILED, said=order.reason)
            case Do.TIME_OUT | Do.LOSE_SIGHT:
                state = ActState.FAILED if order.do is Do.TIME_OUT else ActState.UNKNOWN
                self.move_act(order.step, order.key, state, said=order.reason)
            case _:
                to = {
                    Do.PAUSE: RunState.PAUSED,
                    Do.ABORT: RunState.ABORTING,
                    Do.FINISH: RunState.DONE,
                    Do.REST: RunState.ABORTED,
                }
                self.move(to[order.do])

    def intend_all(self, orders: Sequence[Order]) -> Sequence[Order]:
        for order in orders:
            self.intend(order)
        return orders

    def intend(self, order: Order) -> None:
        step = self.steps[order.step]
        assert order.target is not None
        if self.state is not RunState.RUNNING or step.state is not StepState.BEGUN:
            raise Conflict("It does not run any more.")
        if any(act.key == order.key for act in step.acts):
            raise Conflict("Somebody was first.")
        act = ActSight(order.key, order.target.key, order.number, step.round, ActState.INTENDED)
        self.change(order.step, acts=(*step.acts, act))

    def check(self, order: Order) -> Outcome | None:
        self.act(order.step, order.key)
        if self.state is RunState.ABORTING:
            return NEVER_BEGUN
        if why := refuse_act(order, self.sight()):
            raise Conflict(why)
        return None

    def record(self, order: Order, outcome: Outcome) -> None:
        if self.is_unknown(order) and outcome.heard is Heard.UNKNOWN:
            return
        self.move_act(order.step, order.key, ENDS[outcome.heard], said=outcome.said)

    def is_unknown(self, order: Order) -> bool:
        return self.act(order.step, order.key).state is ActState.UNKNOWN

    # ------------------------------------------------------------------ people

    def press(
        self, press: Press, *, step: str = "", key: str = "", to: str = "", **who: object
    ) -> str:
        """Why it did nothing; empty where it did."""
        roles = who.get("roles", EVERY_ROLE)
        assert isinstance(roles, frozenset)
        no = refuse_press(press, self.sight(), roles, step=step, key=key, said="Because.")
        if no:
            return no
        self.log.append(f"{press} {step}".strip())
        match press:
            case Press.RETRY:
                self.move_step(step, StepState.PENDING, round=self.steps[step].round + 1)
            case Press.SKIP:
                self.move_step(step, StepState.SKIPPED, ask=None)
            case Press.TELL:
                self.move_act(step, key, ActState(to), said="A person said so.", by_word=True)
            case Press.REPORT:
                self.move_act(step, key, ActState.DONE, said="Done by hand.")
            case _:
                self.move(
                    {
                        Press.START: RunState.RUNNING,
                        Press.WITHDRAW: RunState.ABORTED,
                        Press.PAUSE: RunState.PAUSED,
                        Press.RESUME: RunState.RUNNING,
                        Press.ABORT: RunState.ABORTING,
                    }[press]
                )
        return ""

    def approve(self, step: str, weighed: Weighed | None = None) -> None:
        """Enough people say yes to its question."""
        ask = self.steps[step].ask
        assert ask is not None
        self.change(step, ask=replace(ask, weighed=weighed or Weighed((ask.id,), (), "")))

    # ------------------------------------------------------------------ moves

    def new_ask(self) -> AskSight:
        self.asks += 1
        return AskSight(f"q{self.asks}", 0.0, NOBODY)

    def change(self, name: str, **changes: object) -> None:
        self.steps[name] = replace(self.steps[name], **changes)  # type: ignore[arg-type]

    def move(self, to: RunState) -> None:
        if to not in MOVES[self.state]:
            raise Conflict(f"{self.state} is not followed by {to}.")
        self.state = to

    def move_step(self, name: str, to: StepState, **changes: object) -> None:
        if to not in STEP_MOVES[self.steps[name].state]:
            raise Conflict(f"{name}: {self.steps[name].state} is not followed by {to}.")
        self.change(name, state=to, **changes)

    def move_act(self, name: str, key: str, to: ActState, **changes: object) -> None:
        act = self.act(name, key)
        if to not in ACT_MOVES[act.state]:
            raise Conflict(f"{key}: {act.state} is not followed by {to}.")
        new = replace(act, state=to, **changes)  # type: ignore[arg-type]
        acts = tuple(new if one.key == key else one for one in self.steps[name].acts)
        self.change(name, acts=acts)

    def act(self, name: str, key: str) -> ActSight:
        return next(act for act in self.steps[name].acts if act.key == key)

    def orders(self) -> tuple[Order, ...]:
        return next_orders(self.sight())
