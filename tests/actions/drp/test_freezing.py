"""The freeze: done once wherever its leader is killed, obeyed by all, lifted by a person."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest

from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.core.errors import Conflict
from recovery.detection import actions as detection
from recovery.detection import queries
from recovery.detection.facts import Part
from recovery.detection.freezes import lift_freeze
from recovery.detection.models import Freeze
from recovery.drp.executing import FAIL_POINTS, Hand
from recovery.drp.facts import Mode
from recovery.drp.hands.bench import Bench
from recovery.drp.hands.fencing import Fencing
from recovery.drp.hands.freezing import Freezing
from recovery.drp.hands.promoting import Promoting
from recovery.drp.looking import Look, look
from recovery.drp.models import Act
from recovery.drp.queries.approvals import plan_of
from recovery.drp.queries.world import world
from recovery.drp.runbooks.kinds import Condition
from recovery.drp.sights import Do, Heard, Order
from recovery.failover.models import Failover, Fence
from tests.actions.drp.ground import Ground
from tests.actions.drp.killing import Failing, begin, carry
from tests.support.fleet import NOW

PERSON = Actor("person", "bruno")
STEPS = """\
  - id: freeze
    title: Freeze
    stage: activation
    owner: responder
    timeout: 1m
    undo: Thaw.
    do: {kind: freeze_automation, what: [rescheduling, failover, retention, restore_tests]}
"""


def is_over(ground: Ground) -> bool:
    return ground.run.state == "done"


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("point", FAIL_POINTS)
def test_a_leader_killed_anywhere_freezes_once(ground: Ground, point: str, times: int) -> None:
    begin(ground, STEPS)
    carry(ground, Failing(point, times), lambda: is_over(ground))
    row = Freeze.objects.get()
    assert (row.run_name, row.step, row.by) == (str(ground.run), "freeze", "amelie")
    assert row.state == "standing"
    assert Alarm.objects.filter(key=f"frozen:{row.pk}").count() == 1
    assert Act.objects.get().said.startswith("Frozen until a person lifts it: rescheduling,")


def test_it_stands_for_every_decider_until_a_person_lifts_it_once(ground: Ground) -> None:
    assert queries.frozen_reasons() == {}
    begin(ground, STEPS)
    carry(ground, Failing(), lambda: is_over(ground))
    said = f"{ground.run} froze rescheduling, failover, retention, restore tests for amelie:"
    assert set(queries.frozen_reasons()) == set(Part)
    assert queries.frozen_reason(Part.FAILOVER) == f"{said} PAR1 burns."
    assert queries.pause_reason() == "", "a person paused nothing: runs go on"
    frozen = look(Condition.AUTOMATION_IS_FROZEN, world("PAR1", "OSU2"))
    assert frozen == Look(100, f"Automation is paused: {said} PAR1 burns")
    row = lift_freeze(freeze=Freeze.objects.get().pk, actor=PERSON, reason="Over.", now=ground.now)
    assert queries.frozen_reasons() == {}
    assert Alarm.objects.get(key=f"frozen:{row.pk}").state == "ended"
    with pytest.raises(Conflict, match="bruno lifted it already"):
        lift_freeze(freeze=row.pk, actor=PERSON, reason="Twice.", now=ground.now)


def test_a_drill_freezes_fences_and_promotes_nothing_of_production(ground: Ground) -> None:
    """The engine begins none of it; neither would the hands (I-DR-4)."""
    ground.prepare()
    run = ground.run
    plan = msgspec.structs.replace(plan_of(run), mode=Mode.DRILL)
    bench = Bench(run, plan, lambda _: world("PAR1", "OSU2"), ground.actor, NOW, lambda: 0.0)
    site, base = plan.lost, plan.step("promote").waves[0][0]
    made: dict[str, Hand] = {
        "freeze": Freezing(bench),
        "fence": Fencing(bench),
        "promote": Promoting(bench),
    }
    for name, hand in made.items():
        target = base if name == "promote" else site
        order = Order(Do.INTEND, "Injected.", name, f"{run.pk}/{name}/x/1", target, 1)
        with suppress(Conflict):
            assert "never touches it" in hand.act(order).said or name == "freeze"
        assert hand.look(order).heard is Heard.NEVER
    assert not Freeze.objects.exists()
    assert not Fence.objects.exists()
    assert not Failover.objects.exists()


def test_a_person_s_pause_stops_more_than_a_freeze(ground: Ground) -> None:
    detection.set_pause(actor=PERSON, reason="Works.", now=ground.now)
    assert queries.frozen_reasons() == dict.fromkeys(Part, "Works. (bruno)")
