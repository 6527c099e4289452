"""A manual step is its owner's, by every door; what is refused says why; who is blind sees not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dashboard.acts import runs as acts
from recovery.audit.facts import Actor
from recovery.core import control
from recovery.core.clock import ManualClock
from recovery.core.errors import Refused
from recovery.detection.actions import go_blind, see_again
from recovery.drp import actions, queries
from recovery.drp.carrying import make_cycle
from recovery.drp.facts import Mode
from recovery.drp.models import Act
from recovery.drp.press import Press
from recovery.drp.views.runs import view_run
from tests.actions.drp.ground import Ground
from tests.actions.drp.test_carrying import active, looks, prepare
from tests.dashboard.drp.conftest import Enter, text
from tests.decisions.drp.books import raw

STEPS = """\
  - id: see
    title: See
    stage: activation
    owner: responder
    timeout: 1h
    undo: Nothing.
    do: {kind: wait_until, that: tocsin_sees, holds_for: 1s}
  - id: hand
    title: Thaw
    stage: activation
    owner: approver
    timeout: 1h
    undo: Nothing.
    needs: [see]
    do: {kind: manual, instructions: Lift it., evidence: When.}
"""


def begin(ground: Ground, clock: ManualClock, blind: list[str]) -> None:
    text = raw("evacuation").split("steps:\n")[0] + "steps:\n" + STEPS
    prepare(active(text), Mode.PLANNED)
    ground.press(Press.START)
    ground.cycle = make_cycle(clock, blind=lambda: blind[0])


def why(ground: Ground) -> str:
    view = view_run(ground.run.number)
    assert view is not None
    return next(step.why for step in view.steps if step.line.id == "see")


def test_while_tocsin_is_blind_it_does_not_see_and_the_step_says_why(ground: Ground) -> None:
    clock, blind = ManualClock(ground.now), ["No gateway sends a digest of heartbeats."]
    begin(ground, clock, blind)
    looks(ground, clock, 4)
    assert ground.step("see").state == "begun", "what the leader itself knows is enough"
    blind[0] = ""
    with control.deciding(ground.epoch):
        go_blind(reasons=["All 6 agents went silent at once."], actor=ground.actor, now=ground.now)
    looks(ground, clock, 4)
    assert ground.step("see").state == "begun"
    assert why(ground) == "All 6 agents went silent at once."
    with control.deciding(ground.epoch):
        see_again(actor=ground.actor, now=ground.now)
    assert why(ground) == ""
    looks(ground, clock, 2)
    assert ground.step("see").state == "done"


def test_a_manual_step_is_reported_by_its_owner_by_page_api_and_command(
    ground: Ground, enter: Enter
) -> None:
    clock = ManualClock(ground.now)
    begin(ground, clock, [""])
    looks(ground, clock, 5)
    act = Act.objects.get(step=ground.step("hand"))
    at = f"/recovery/runs/{ground.run.number}/report/hand/?key={act.key}"
    amelie = enter("amelie")
    refused = amelie.post(at, {"reason": "I did it."})
    assert refused.status_code == 403
    assert "by the role approver" in text(refused)
    answer = amelie.post(
        f"/api/drp/runs/{ground.run.number}/report",
        {"reason": "I did it.", "step": "hand", "key": act.key},
        content_type="application/json",
    )
    assert answer.status_code == 403
    assert "by the role approver" in answer.content.decode()
    with pytest.raises(Refused, match="by the role approver"):
        acts.press(
            ground.run.number, Press.REPORT, step="hand", key=act.key,
            actor=Actor("person", "amelie"), reason="I did it.",
        )  # fmt: skip
    act.refresh_from_db()
    assert act.state == "intended"
    actions.delegate(
        taker="amelie", role="approver", ends_at=queries.database_now() + timedelta(hours=1),
        actor=Actor("person", "bruno"), reason="On a train.", now=ground.now,
    )  # fmt: skip
    assert amelie.post(at, {"reason": "I did it."}).status_code == 302
    act.refresh_from_db()
    assert (act.state, act.by_word) == ("done", "amelie")


def test_who_opens_a_press_that_the_steps_state_refuses_is_told_so_and_fills_in_nothing(
    ground: Ground, enter: Enter
) -> None:
    ground.begin()
    ground.until("tell")
    client = enter("amelie")
    done = text(client.get(f"/recovery/runs/{ground.run.number}/retry/freeze/"))
    assert "is done: only what failed is tried again." in done
    assert 'name="reason"' not in done


def test_a_skip_of_what_protects_is_refused(ground: Ground, enter: Enter) -> None:
    ground.begin()
    for who in ("bruno", "amelie"):
        refused = enter(who).post(
            f"/recovery/runs/{ground.run.number}/skip/fence/",
            {"reason": "Quick."},
            headers={"HX-Request": "1"},
        )
        assert refused.status_code == 422
        assert "is never skipped" in text(refused)
        assert "takes the role" not in text(refused), "no role would change it"
