"""What a run waits for and whom: one next action a role. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from recovery.drp.decide import is_over, need_of
from recovery.drp.facts import ENDED, UNSKIPPABLE, ActState, Kind, RunState, StepState
from recovery.drp.plan import PlannedStep
from recovery.drp.press import ROLE, Press, refuse_now
from recovery.drp.sights import RunSight, StepSight, Waiting

ENOUGH = "It has what it needs; its step begins."
NO = "Somebody said no; it pauses."


def waits(run: RunSight) -> tuple[Waiting, ...]:
    """The most pressing first."""
    if run.state in ENDED:
        return ()
    if run.state is RunState.PREPARED:
        return (Waiting("", "responder", "Somebody has to start it."),)
    found = [one for step in run.steps.values() for one in _of(step, run)]
    if run.state is RunState.PAUSED and not found:
        why = refuse_now(Press.RESUME, run, "", "")
        said = f"It is paused. {why}" if why else "It is paused: resume or abort it."
        found.append(Waiting("", "responder", said))
    return tuple(found)


def _of(step: StepSight, run: RunSight) -> Iterator[Waiting]:
    planned = step.planned
    for act in step.acts:
        if act.state is ActState.UNKNOWN:
            yield Waiting(planned.id, planned.owner, f"{act.target}: look whether it was done.")
        if act.state is ActState.INTENDED and planned.kind is Kind.MANUAL:
            yield Waiting(planned.id, planned.owner, str(planned.params.get("instructions", "")))
    if step.state is StepState.FAILED and not is_over(step, run):
        yield Waiting(planned.id, planned.owner, f"{_failed(planned)} {step.said}")
    if step.state is StepState.ASKING and step.ask is not None:
        need, weighed = need_of(planned, run.plan.mode), step.ask.weighed
        if weighed.denied:
            yield Waiting(planned.id, "", NO)
        elif weighed.is_enough:
            yield Waiting(planned.id, "", ENOUGH)
        else:
            yield Waiting(planned.id, need.role if need else "approver", weighed.missing)
    if step.state is StepState.BEGUN and step.gate is not None and not step.gate.holds:
        yield Waiting(planned.id, "", f"The gate: {step.gate.said}")


def _failed(planned: PlannedStep) -> str:
    """What can be done about it, and by whom: who may retry it may not always skip it."""
    if planned.kind in UNSKIPPABLE:
        return "It failed, and is never skipped: retry it, or abort the run."
    return f"It failed: retry it, or somebody of role {ROLE[Press.SKIP]} skips it."
