"""What runs that go on have as their own: what they froze and fenced, and what they place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from recovery.core.errors import TocsinError
from recovery.drp.facts import ActState, Kind, Mode, OnFailure, RunState, StepState
from recovery.drp.models import Act, Run, RunStep
from recovery.drp.queries.runs import plan_of, unended_runs

OVER = frozenset({StepState.DONE, StepState.SKIPPED})
REAL = frozenset({Mode.DISASTER, Mode.PLANNED})


def owning_runs() -> dict[str, int]:
    """Name → number of each that goes on and has more to do than what people do by hand: lifting
    is one of these. One whose plan cannot be read owns nothing: a person has to have a way out."""
    found = {}
    for run in unended_runs():
        with suppress(TocsinError):
            if _has_own_work(run):
                found[str(run)] = run.number
    return found


def placing_runs() -> dict[str, str]:
    """Application → the run that has it among what it places, and has not tried it to the end."""
    found: dict[str, str] = {}
    for run in unended_runs():
        if run.mode in REAL and run.state != RunState.ABORTING:
            with suppress(TocsinError):
                found |= dict.fromkeys(_to_place(run), str(run))
    return found


def _to_place(run: Run) -> Iterator[str]:
    plan = plan_of(run)
    over = set(
        RunStep.objects.filter(run=run, state__in=sorted(OVER)).values_list("name", flat=True)
    )
    ended = Act.objects.filter(step__run=run, state__in=[ActState.DONE, ActState.FAILED])
    tried = set(ended.values_list("step__name", "target"))
    for step in plan.steps:
        if step.kind is Kind.PLACE_APPLICATIONS and step.id not in over:
            for target in (one for wave in step.waves for one in wave):
                if (step.id, target.key) not in tried:
                    yield target.name


def _has_own_work(run: Run) -> bool:
    """A step that failed and is gone on without is no work: nothing tries it again by itself."""
    plan = plan_of(run)
    left = RunStep.objects.filter(run=run).exclude(state__in=sorted(OVER))
    return any(
        (step := plan.step(name)).kind is not Kind.MANUAL
        and not (state == StepState.FAILED and step.on_failure is OnFailure.GO_ON)
        for name, state in left.values_list("name", "state")
    )
