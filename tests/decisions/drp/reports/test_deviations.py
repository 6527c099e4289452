"""What of a step was not done is named, thing by thing, however the step went on."""

from __future__ import annotations

from dataclasses import replace

from recovery.drp.facts import Kind, Stage, StepState
from recovery.drp.reports.deviations import deviations
from recovery.drp.reports.facts import ActFact, StepFact
from tests.decisions.drp.reports.drawn import T0, any_facts

NO_HOST = "No host has the label disk=ssd."


def act(target: str, state: str, number: int = 1, round_: int = 1) -> ActFact:
    return ActFact(
        key=f"r/place/{target}/{number}",
        target=target,
        name=target.partition(":")[2],
        number=number,
        round=round_,
        state=state,
        intended_at=T0,
        ended_at=T0,
        said=NO_HOST if state == "failed" else "It answers.",
        by_word="",
    )


def test_what_was_not_moved_stands_in_the_report_of_a_step_that_people_skipped() -> None:
    acts = (
        act("application:search", "failed"),
        act("application:search", "failed", 2),
        act("application:shop", "failed"),
        act("application:shop", "done", 1, 2),
        act("application:cart", "done"),
    )
    step = StepFact(
        name="place",
        position=1,
        title="Move the applications",
        kind=Kind.PLACE_APPLICATIONS,
        stage=Stage.RECOVERY,
        owner="responder",
        state=StepState.SKIPPED,
        said="bruno: it stays.",
        targets=3,
        acts=acts,
    )
    found = deviations(replace(any_facts(1), steps=(step,)))
    missing = [(one.about, one.reason) for one in found if one.what == "not done"]
    assert missing == [("Move the applications: search", NO_HOST)]
