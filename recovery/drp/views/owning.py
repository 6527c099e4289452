"""Runs that still need what they froze and fenced."""

from __future__ import annotations

from contextlib import suppress

from recovery.core.errors import TocsinError
from recovery.drp.facts import Kind, StepState
from recovery.drp.models import Run, RunStep
from recovery.drp.queries.runs import plan_of, unended_runs

OVER = frozenset({StepState.DONE, StepState.SKIPPED})


def owning_runs() -> dict[str, int]:
    """Name → number of each that goes on and has more to do than what people do by hand: lifting
    is one of these. One whose plan cannot be read owns nothing: a person has to have a way out."""
    found = {}
    for run in unended_runs():
        with suppress(TocsinError):
            if _has_own_work(run):
                found[str(run)] = run.number
    return found


def _has_own_work(run: Run) -> bool:
    plan = plan_of(run)
    left = RunStep.objects.filter(run=run).exclude(state__in=sorted(OVER))
    names = left.values_list("name", flat=True)
    return any(plan.step(name).kind is not Kind.MANUAL for name in names)
