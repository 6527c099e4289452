"""A run whose steps are carried out by the product's own hands, but for the first two."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from recovery.audit.facts import Actor
from recovery.core import control
from recovery.drp import actions
from recovery.drp.actions.runs import Override
from recovery.drp.cycle import Cycle
from recovery.drp.executing import Hand
from recovery.drp.facts import Kind, Mode
from recovery.drp.hands import hands_of
from recovery.drp.hands.bench import Bench
from recovery.drp.models import Act, Run, RunbookVersion
from recovery.drp.planning.inventory import Wish
from recovery.drp.queries import authority
from recovery.drp.queries.runs import plan_of
from recovery.drp.queries.world import world
from recovery.drp.sights import Do, Order
from recovery.inventory.models import Container
from recovery.operations.cycle import run_governor
from recovery.restores.cycle import carry_on
from recovery.scheduling.cycle import reschedule
from tests.actions.drp.ground import Counting, Ground, make_people, pin
from tests.actions.drp.leaving import named
from tests.decisions.drp.books import raw
from tests.scenes import scene
from tests.support.fleet import make_fleet, seat
from tests.support.passkeys import Passkey

FREEZE = """\
  - id: freeze
    title: Freeze
    stage: activation
    owner: responder
    timeout: 1m
    undo: Thaw.
    do: {kind: freeze_automation, what: [rescheduling, failover]}
"""
FENCE = """\
  - id: fence
    title: Fence
    stage: activation
    owner: responder
    timeout: 5m
    undo: Lift it.
    needs: [freeze]
    approval: {role: approver, count: 1}
    do: {kind: fence_datacenter, datacenter: lost, proof: leases_ended}
"""
FAKED = (Kind.FREEZE_AUTOMATION, Kind.FENCE_DATACENTER)


class Killed(BaseException):
    """The process is gone, and so is its open transaction."""


@dataclass
class Product(Ground):
    """`tail`: the steps that are looked at; `head`: the runbook whose other words they stand
    under; `fakes`: who freezes and fences; `reschedules`: as the judge does, frozen or not."""

    tail: str = ""
    head: str = "datacenter-lost"
    fakes: Counting = field(default_factory=Counting)
    paused: str = ""
    reschedules: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.cycle = Cycle(self._hands, gates=lambda _: {}, expected=lambda _: {})

    def _hands(self, run: Run, actor: Actor, now: datetime) -> dict[Kind, Hand]:
        found = hands_of(
            run,
            lambda _: world(run.lost, run.into),
            waiting={},
            actor=actor,
            now=now,
            monotonic=lambda: self.mono,
        )
        return {**found, **dict.fromkeys(FAKED, self.fakes)}

    def write(self) -> RunbookVersion:
        text = raw(self.head).split("steps:\n")[0] + "steps:\n" + FREEZE + self.tail
        row = actions.write_runbook(
            raw=text.encode(), actor=Actor("person", "emil"), reason="New.", now=self.now
        )
        if row.state == "draft":
            dora = Actor("person", "dora")
            actions.activate_runbook(runbook=row, actor=dora, reason="I read it.", now=self.now)
        row.refresh_from_db()
        return row

    def prepare(self, mode: Mode = Mode.DISASTER, who: str = "amelie") -> Run:
        row, wish = self.write(), Wish(mode, "PAR1", "OSU2", "PAR1 is dark.")
        return actions.prepare_run(
            runbook=row,
            wish=wish,
            override=Override("It was never drilled, and it burns.", named(row, wish)),
            refuse=lambda plan: "",
            actor=Actor("person", who),
            reason="PAR1 burns.",
            now=self.now,
        )

    def reach(self, step: str, who: str = "bruno") -> None:
        """Until this step has begun, or asks for nobody any more."""
        for _ in range(12):
            self.look(6.0)
            for row in self.run.steps.filter(state="asking"):
                self.say(row.name, who)
            if self.step(step).state not in {"pending", "asking"}:
                return

    def carry(self, seconds: float = 1.0) -> None:
        """A round of the leader: plans, restores, the governor, as the judge does them."""
        self.look(seconds)
        above = authority.restores_above_pause() if self.paused else ()
        carry_on(actor=self.actor, now=self.now, paused=self.paused, despite=above)
        if self.reschedules:
            kept = authority.seats_above_pause() if self.paused else ()
            reschedule(actor=self.actor, now=self.now, kept=kept)
        through = authority.operations_above_pause() if self.paused else ()
        run_governor(actor=self.actor, now=self.now, paused=self.paused, despite=through)


def bench_of(product: Product, **changes: object) -> Bench:
    """What a hand is given, of a plan that says something else."""
    plan = msgspec.structs.replace(plan_of(product.run), **changes)
    there = world("PAR1", "OSU2")
    return Bench(product.run, plan, lambda _: there, product.actor, product.now, lambda: 0.0)


def order_of(product: Product, step: str) -> Order:
    """To look at the newest act of the step's first target."""
    act = Act.objects.filter(step=product.step(step)).latest("number")
    target = plan_of(product.run).step(step).waves[0][0]
    return Order(Do.LOOK, "", step, act.key, target, act.number)


def people(pins: Path) -> dict[str, Passkey]:
    """Let in, with their keys pinned."""
    return pin(make_people(), pins)


@scene
def met() -> dict[str, Passkey]:
    """A fleet, and people who are let in."""
    make_fleet()
    return make_people()


@scene
def served() -> dict[str, Passkey]:
    """Two copies in PAR1; nothing is lost."""
    fleet = make_fleet()
    slots = {row.ordinal: row for row in Container.objects.filter(application=fleet.application)}
    seat(slots[1], fleet.hosts["par1-r1-h1"])
    seat(slots[2], fleet.hosts["par1-r2-h1"])
    return make_people()


@dataclass
class Mortal:
    """Leaders that die in two transactions of three: before it is there, or right after it."""

    product: Product
    deaths: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(7))

    @contextmanager
    def deciding(self, epoch: int) -> Iterator[None]:
        turn = self.chance.randrange(3)
        with DECIDING(epoch):
            yield
            if turn == 1:
                raise Killed
        if turn == 2:
            raise Killed

    def carry(self, seconds: float = 1.0) -> None:
        """Rounds of as many leaders as it takes, until one lives through a whole round."""
        for _ in range(60):
            try:
                self.product.carry(seconds)
            except Killed:
                self.deaths += 1
                seen, _ = control.read_beat()
                self.product.epoch = (
                    control.take_lead("next", seen_epoch=seen, now=self.product.now) or 0
                )
            else:
                return
        raise AssertionError("no leader lived through a round")


DECIDING = control.deciding


@contextmanager
def mortal_leaders(product: Product, patch: pytest.MonkeyPatch) -> Iterator[Mortal]:
    """Leaders that die, one after the other."""
    found = Mortal(product)
    with patch.context() as within:
        within.setattr(control, "deciding", found.deciding)
        yield found
