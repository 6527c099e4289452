"""The product's own hands: a simulation of a shipped runbook, and what is really done already."""

from __future__ import annotations

from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.core.clock import ManualClock
from recovery.drp import actions
from recovery.drp.actions.runs import Override
from recovery.drp.carrying import make_cycle
from recovery.drp.facts import Kind, Mode, RunState
from recovery.drp.hands import DRILL_MAKERS, MAKERS
from recovery.drp.models import Act, Run, RunbookVersion
from recovery.drp.planning.inventory import Wish
from recovery.drp.planning.refusing import refuse_plan
from recovery.drp.press import Press
from tests.actions.drp.ground import Ground
from tests.actions.drp.leaving import named
from tests.decisions.drp.books import raw
from tests.support.fleet import NOW

OWN = """\
  - id: silent
    title: Silent
    stage: activation
    owner: responder
    timeout: 1m
    undo: Nothing.
    do: {kind: check, that: datacenter_is_silent}
    on_failure: go_on
  - id: wait
    title: Wait
    stage: activation
    owner: responder
    timeout: 5m
    undo: Nothing.
    do: {kind: wait_until, that: tocsin_sees, holds_for: 30s}
  - id: hand
    title: Hand
    stage: activation
    owner: responder
    timeout: 5m
    undo: Nothing.
    needs: [silent, wait]
    do: {kind: manual, instructions: Call., evidence: Who.}
  - id: tell
    title: Tell
    stage: activation
    owner: responder
    timeout: 1m
    undo: Tell again.
    needs: [hand]
    do: {kind: notify, audience: team, message: It is over.}
"""


def active(text: str) -> RunbookVersion:
    row = actions.write_runbook(
        raw=text.encode(), actor=Actor("person", "emil"), reason="New.", now=NOW
    )
    dora = Actor("person", "dora")
    return actions.activate_runbook(runbook=row, actor=dora, reason="I read it.", now=NOW)


def prepare(row: RunbookVersion, mode: Mode) -> Run:
    wish = Wish(mode, "PAR1", "OSU2", "PAR1 is dark.")
    return actions.prepare_run(
        runbook=row,
        wish=wish,
        override=Override("It was never drilled.", named(row, wish)),
        refuse=refuse_plan,
        actor=Actor("person", "amelie"),
        reason="PAR1 burns.",
        now=NOW,
    )


def looks(ground: Ground, clock: ManualClock, n: int) -> None:
    cycle = ground.cycle
    for _ in range(n):
        clock.advance(20.0)
        cycle.carry_on(actor=ground.actor, now=clock.now(), monotonic=clock.monotonic())


def test_a_shipped_runbook_is_simulated_on_the_live_inventory(ground: Ground) -> None:
    prepare(active(raw()), Mode.SIMULATION)
    ground.press(Press.START)
    clock = ManualClock(NOW)
    ground.cycle = make_cycle(clock)
    looks(ground, clock, 12)
    assert ground.run.state == RunState.DONE
    said = {step.name: (step.state, step.said) for step in ground.run.steps.all()}
    assert said["silent"][0] == "failed"
    assert said["silent"][1].startswith("0 of 2 hosts of PAR1 are lost. Not yet: par1-r1-h1")
    assert said["promote-business"] == (
        "done",
        "Asks 1 of role approver. 2 in 1 wave: ident, orders.",
    )
    assert not Act.objects.exists()
    assert not Alarm.objects.exists()


def test_every_kind_of_step_has_a_hand_in_production_and_in_drills() -> None:
    for_each = {Kind.FOR_EACH}  # is made into steps of other kinds
    assert set(Kind) - for_each == set(MAKERS) == set(DRILL_MAKERS)


def test_a_planned_evacuation_has_a_hand_for_each_step(ground: Ground) -> None:
    prepare(active(raw("evacuation")), Mode.PLANNED)
    assert ground.run.state == "prepared"


def test_every_step_of_a_lost_datacenter_has_a_hand(ground: Ground) -> None:
    prepare(active(raw()), Mode.DISASTER)
    assert ground.run.state == "prepared"


def test_looks_words_and_messages_are_carried_out_by_the_products_own_hands(
    ground: Ground,
) -> None:
    text = raw("evacuation").split("steps:\n")[0] + "steps:\n" + OWN
    prepare(active(text), Mode.PLANNED)
    ground.press(Press.START)
    clock = ManualClock(NOW)
    ground.cycle = make_cycle(clock)
    looks(ground, clock, 2)
    assert ground.step("silent").state == "failed"
    assert ground.step("wait").state == "begun", "it has not held for thirty seconds"
    looks(ground, clock, 3)
    assert ground.step("wait").state == "done"
    act = Act.objects.get(step=ground.step("hand"))
    ground.press(Press.REPORT, step="hand", key=act.key, reason="The duty desk, at 03:12.")
    looks(ground, clock, 3)
    assert ground.run.state == RunState.DONE
    assert Act.objects.get(step=ground.step("hand")).said == "amelie: The duty desk, at 03:12."
    assert Alarm.objects.filter(key__startswith="drp:").count() == 1
