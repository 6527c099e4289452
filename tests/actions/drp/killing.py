"""The leader killed wherever it is worst, while the product's own hands carry a run on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from recovery.audit.facts import Actor
from recovery.core import control
from recovery.core.clock import ManualClock
from recovery.drp import actions
from recovery.drp.actions.runs import Override
from recovery.drp.carrying import make_cycle
from recovery.drp.facts import Mode
from recovery.drp.models import Run
from recovery.drp.planning.inventory import Wish
from recovery.drp.planning.refusing import refuse_plan
from recovery.drp.press import Press
from tests.actions.drp.ground import Ground
from tests.actions.drp.leaving import named
from tests.actions.drp.test_carrying import active
from tests.decisions.drp.books import raw


class Killed(BaseException):
    """The process is gone, and so is its open transaction."""


@dataclass
class Failing:
    """Kills at the nth time that this point is passed; counts all."""

    point: str = ""
    times: int = 1
    passed: Counter[str] = field(default_factory=Counter)

    def __call__(self, name: str) -> None:
        self.passed[name] += 1
        if name == self.point and self.passed[name] == self.times:
            raise Killed(name)


def begin(ground: Ground, steps: str, mode: Mode = Mode.DISASTER) -> Run:
    """A run of these steps, carried by the product's own hands."""
    text = raw().split("steps:\n")[0] + "steps:\n" + steps
    row, wish = active(text), Wish(mode, "PAR1", "OSU2", "PAR1 is dark.")
    actions.prepare_run(
        runbook=row,
        wish=wish,
        override=Override("It was never drilled, and it burns.", named(row, wish)),
        refuse=refuse_plan,
        actor=Actor("person", "amelie"),
        reason="PAR1 burns.",
        now=ground.now,
    )
    ground.cycle = make_cycle(ManualClock(ground.now))
    return ground.press(Press.START)


def carry(ground: Ground, fail: Failing, until: Callable[[], bool], rounds: int = 12) -> None:
    """Round after round; who is killed is followed by another leader that remembers nothing."""
    ground.fail = fail
    for _ in range(rounds):
        if until():
            return
        try:
            ground.look()
        except Killed:
            ground.cycle = make_cycle(ManualClock(ground.now))
            epoch = control.take_lead("next", seen_epoch=ground.epoch, now=ground.now)
            assert epoch is not None
            ground.epoch = epoch
    assert until(), [(step.name, step.state, step.said) for step in ground.run.steps.all()]
