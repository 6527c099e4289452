"""Who took part, and in what. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from recovery.drp.facts import StepState
from recovery.drp.reports.document import Participant
from recovery.drp.reports.facts import Facts, StepFact


def participants(facts: Facts) -> tuple[Participant, ...]:
    """Each person once, by name, with each deed once, in the order in which they came up."""
    found: dict[str, dict[str, None]] = {}
    for who, did in _deeds(facts):
        if who:
            found.setdefault(who, {})[did] = None
    return tuple(Participant(who, tuple(deeds)) for who, deeds in sorted(found.items()))


def _deeds(facts: Facts) -> Iterator[tuple[str, str]]:
    plan, run = facts.plan, facts.run
    yield plan.written_by, "wrote the runbook"
    yield plan.activated_by, "made the runbook active"
    yield run.requested_by, "asked for the run"
    yield run.started_by, "started it"
    for moment in run.history:
        if moment.is_person and moment.to in {"paused", "aborting", "aborted"}:
            yield moment.by, "paused it" if moment.to == "paused" else "aborted it"
    for step in facts.steps:
        yield from _of_step(step)
    for finding in facts.findings:
        yield finding.added_by, "wrote down a finding"
        yield finding.closed_by, "closed a finding"


def _of_step(step: StepFact) -> Iterator[tuple[str, str]]:
    for word in step.words:
        verb = "approved" if word.is_yes else "said no to"
        if not word.unproven:
            yield word.approver, f"{verb} {step.name}"
    for glass in step.broken:
        yield glass.by, f"broke glass for {step.name}"
    for before, moment in pairwise(step.history):
        if moment.is_person and moment.to == StepState.SKIPPED:
            yield moment.by, f"skipped {step.name}"
        if moment.is_person and before.to == StepState.FAILED and moment.to == StepState.PENDING:
            yield moment.by, f"had {step.name} tried again"
    for act in step.acts:
        yield act.by_word, f"told how {step.name} ended"
