"""A fleet with a datacenter to lose, people with passkeys, a short runbook, a counting hand."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from django.contrib.auth.models import User

from recovery.access.actions import register_person
from recovery.audit.facts import Actor
from recovery.core import control
from recovery.core.consent import write_pins
from recovery.core.errors import Conflict
from recovery.drp import actions, queries
from recovery.drp.actions.answers import Answer, glass_to_break
from recovery.drp.actions.runs import Override
from recovery.drp.approvals.facts import Rule
from recovery.drp.cycle import Cycle
from recovery.drp.executing import FailPoint, nowhere
from recovery.drp.facts import ActState, Kind, Mode
from recovery.drp.models import Act, Approval, Ask, BreakGlass, Run, RunbookVersion, RunStep
from recovery.drp.planning.inventory import Wish
from recovery.drp.press import Press
from recovery.drp.queries.approvals import glass_word, plan_of, question_of, word_of
from recovery.drp.sights import GateSight, Heard, Order, Outcome
from recovery.failover.actions import standing
from recovery.inventory.facts import Role
from recovery.inventory.models import Database
from tests.actions.drp.leaving import named
from tests.actions.failover.fleet import copy, describe
from tests.decisions.drp.books import raw
from tests.scenes import scene
from tests.support.fleet import BY, NOW, make_fleet
from tests.support.passkeys import Passkey

PEOPLE = {
    "amelie": "responder",
    "bruno": "approver",
    "chloe": "approver",
    "dora": "admin",
    "emil": "admin",
    "vera": "viewer",
}
WORDS = {"tell": ["bruno"], "fence": ["bruno", "chloe"], "promote": ["bruno"]}
STEPS = """\
  - id: freeze
    title: Freeze
    stage: activation
    owner: responder
    timeout: 1m
    undo: Thaw.
    do: {kind: freeze_automation, what: [failover]}
  - id: tell
    title: Tell
    stage: activation
    owner: responder
    timeout: 1m
    undo: Tell again.
    needs: [freeze]
    approval: {role: approver, count: 1}
    do: {kind: notify, audience: team, message: It runs.}
  - id: fence
    title: Fence
    stage: recovery
    owner: responder
    timeout: 5m
    undo: Lift it.
    needs: [tell]
    approval: {role: approver, count: 2}
    do: {kind: fence_datacenter, datacenter: lost, proof: leases_ended}
  - id: promote
    title: Promote
    stage: recovery
    owner: responder
    timeout: 5m
    retries: 1
    point_of_no_return: There is no way back.
    needs: [fence]
    approval: {role: approver, count: 1}
    do:
      kind: for_each
      wave: 1
      gate: {that: databases_serve, at_least: 100}
      do: {kind: promote_databases, select: {of: lost}}
"""


@cache
def short_runbook() -> bytes:
    head = raw().split("steps:\n")[0].replace("version: 2", "version: 1")
    return (head + "steps:\n" + STEPS).encode()


@dataclass
class Counting:
    """A hand that remembers its keys, and counts what it did."""

    done: Counter[str] = field(default_factory=Counter)
    outcome: Heard = Heard.DONE

    def act(self, order: Order) -> Outcome:
        assert order.target is not None
        if not self.done[order.key]:
            self.done[order.key] += 1
        return Outcome(self.outcome, "It was done.", order.target.epoch + 1)

    def look(self, order: Order) -> Outcome:
        return self.act(order) if self.done[order.key] else Outcome(Heard.NEVER)


@dataclass
class Ground:
    """One run at a time, with whoever says what."""

    keys: dict[str, Passkey]
    pins: Path
    now: datetime = NOW
    epoch: int = 0
    mono: float = 0.0
    hand: Counting = field(default_factory=Counting)
    fail: FailPoint = nowhere
    cycle: Cycle = field(init=False)

    def __post_init__(self) -> None:
        hands = dict.fromkeys(Kind, self.hand)
        self.cycle = Cycle(lambda *_: hands, gates=self.gates, expected=lambda _: {})
        self.epoch = control.take_lead("test", seen_epoch=0, now=NOW) or 0

    @staticmethod
    def gates(sight: object) -> dict[str, GateSight]:
        return {"promote": GateSight(True, "They serve.")}

    @property
    def actor(self) -> Actor:
        return Actor("controller", "test", self.epoch)

    @property
    def run(self) -> Run:
        return Run.objects.select_related("runbook").latest("number")

    def step(self, name: str) -> RunStep:
        return self.run.steps.get(name=name)

    def ask(self, name: str) -> Ask:
        return (
            Ask.objects.select_related("step__run").filter(step=self.step(name)).latest("asked_at")
        )

    def write(self) -> RunbookVersion:
        """Written by emil, made active by dora."""
        row = actions.write_runbook(
            raw=short_runbook(), actor=Actor("person", "emil"), reason="New.", now=self.now
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

    def press(self, press: Press, who: str = "amelie", **more: object) -> Run:
        return actions.press(
            run=self.run.pk,
            press=press,
            actor=Actor("person", who),
            reason=str(more.pop("reason", "Because.")),
            now=self.now,
            **more,  # type: ignore[arg-type]
        )

    def begin(self) -> Run:
        self.prepare()
        return self.press(Press.START)

    def look(self, seconds: float = 1.0) -> int:
        """A round of the leader."""
        self.now += timedelta(seconds=seconds)
        self.mono += seconds
        self.cycle.fail = self.fail
        return self.cycle.carry_on(actor=self.actor, now=self.now, monotonic=self.mono)

    def say(
        self, name: str, who: str, *, yes: bool = True, code: bool = False, for_: str = ""
    ) -> Approval:
        """Their answer to the step's question."""
        ask = self.ask(name)
        question = question_of(self.run, plan_of(self.run), ask.step, ask)
        signed = self.keys[who].sign(word_of(question, ask, who)) if yes and not code else None
        return actions.answer(
            ask=ask.pk,
            answer=Answer(yes, signed, for_),
            actor=Actor("person", who),
            reason="" if yes else "It comes back.",
            now=self.now,
        )

    def glass(self, name: str, who: str, *rules: Rule, reason: str = "I am alone.") -> BreakGlass:
        """They break these rules for the step's question, signed."""
        ask, actor = self.ask(name), Actor("person", who)
        row = glass_to_break(ask, rules=rules, actor=actor, reason=reason)
        signed = self.keys[who].sign(glass_word(self.run, ask.step, ask, row))
        return actions.break_glass(
            ask=ask.pk, rules=rules, assertion=signed, actor=actor, reason=reason, now=self.now
        )

    def until(self, name: str) -> None:
        """All is approved up to this step's question."""
        for step, people in WORDS.items():
            self.look()
            if step == name:
                return
            for who in people:
                self.say(step, who)
            self.look()

    def approve_all(self) -> None:
        """Whatever is asked is answered, once."""
        for step, people in WORDS.items():
            if self.step(step).state == "asking":
                for who in people:
                    with suppress(Conflict):
                        self.say(step, who)

    def acts(self) -> dict[str, ActState]:
        return {act.key.split("/", 1)[1]: ActState(act.state) for act in Act.objects.all()}

    def dismiss(self, who: str) -> None:
        User.objects.filter(username=who).update(is_active=False)


def make_ground(pins: Path) -> Ground:
    return with_keys(_served(), pins)


@scene
def _served() -> dict[str, Passkey]:
    """Two databases that serve in PAR1, and people's keys."""
    hosts = make_fleet().hosts
    for name in ("orders", "ident"):
        port = 15432 if name == "orders" else 15433
        database = describe(name, port=port)
        copy(database, hosts["par1-r1-h1"], 1, Role.PRIMARY)
        copy(database, hosts["osu2-r1-h1"], 2, Role.STANDBY)
        database.refresh_from_db()
        standing.resume_database(database=database, actor=BY, reason="It serves.", now=NOW)
    assert Database.objects.count() == 2
    return make_people()


def make_people() -> dict[str, Passkey]:
    """Who answers, over whatever fleet there is, and the keys that they answer with."""
    for name, role in PEOPLE.items():
        register_person(username=name, role=role, password="x", actor=BY, reason="test", now=NOW)
    return {name: Passkey(name) for name in PEOPLE}


def pin(keys: dict[str, Passkey], pins: Path) -> dict[str, Passkey]:
    """Whoever has them may answer."""
    pins.write_bytes(write_pins([key.pin for key in keys.values()]))
    return keys


def with_keys(keys: dict[str, Passkey], pins: Path) -> Ground:
    """Their keys are pinned there, and somebody leads."""
    pin(keys, pins)
    assert queries.rights_of("bruno") == {"viewer", "responder", "approver"}
    return Ground(keys, pins)
