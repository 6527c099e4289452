"""Where a run did not go as planned. Pure.

Each skip, retry, no, pause, break-glass, expired or voided question, word in place of a sight,
step that failed and was gone on without: once, with who and why; and each thing of a step of which
the last attempt failed.
"""

from __future__ import annotations

from collections.abc import Iterator

from recovery.drp.approvals.facts import spoken_rules
from recovery.drp.facts import RunState, StepState
from recovery.drp.planning.leaving import ALTHOUGH
from recovery.drp.reports.document import Deviation
from recovery.drp.reports.facts import Facts, StepFact
from recovery.drp.reports.words import span


def deviations(facts: Facts) -> tuple[Deviation, ...]:
    """By time; what has none comes last."""
    found = [*_of_run(facts)]
    for step in facts.steps:
        found += [*_of_step(step), *_of_asks(step), *_of_acts(step)]
    return tuple(
        sorted(
            found, key=lambda one: (one.at is None, one.at or facts.made_at, one.what, one.about)
        )
    )


def _of_run(facts: Facts) -> Iterator[Deviation]:
    run = facts.run
    if run.override:
        who, _, said = run.override.partition(": ")
        stale, _, left = said.partition(ALTHOUGH)
        if stale.strip():
            yield Deviation("stale runbook", run.name, who, stale.strip(), run.requested_at)
        if left:
            yield Deviation("started although", run.name, who, left.strip(), run.requested_at)
    ends = [*(moment.at for moment in run.history[1:]), run.ended_at]
    for moment, until in zip(run.history, ends, strict=False):
        if moment.to == RunState.PAUSED:
            length = span(moment.at, until)
            yield Deviation("pause", run.name, moment.by, moment.reason, moment.at, length)
        if moment.to == RunState.ABORTING or (
            moment.to == RunState.ABORTED and not _was_aborting(facts)
        ):
            yield Deviation("abort", run.name, moment.by, moment.reason, moment.at)


def _was_aborting(facts: Facts) -> bool:
    return any(moment.to == RunState.ABORTING for moment in facts.run.history)


def _of_step(step: StepFact) -> Iterator[Deviation]:
    before = ""
    for moment in step.history:
        if moment.to == StepState.SKIPPED:
            yield Deviation("skip", step.title, moment.by, moment.reason, moment.at)
        if moment.to == StepState.PENDING and before == StepState.FAILED:
            yield Deviation("retry", step.title, moment.by, moment.reason, moment.at)
        if moment.to == StepState.FAILED:
            yield Deviation("failed", step.title, moment.by, moment.reason, moment.at)
        before = moment.to
    if step.state in {StepState.PENDING, StepState.ASKING}:
        yield Deviation("not done", step.title, "", "The run ended before it.", None)
    if step.state == StepState.BEGUN:
        yield Deviation("not finished", step.title, "", "The run ended while it was on.", None)


def _of_asks(step: StepFact) -> Iterator[Deviation]:
    for word in step.words:
        if not word.is_yes:
            yield Deviation("no", step.title, word.approver, word.reason, word.given_at)
        elif word.unproven:
            why = f"A yes of {word.approver} in the rows is not theirs: {word.unproven}"
            yield Deviation("false yes", step.title, "somebody", why, word.given_at)
    for ask in step.asks:
        if ask.state in {"void", "expired"}:
            what = "approval void" if ask.state == "void" else "approval expired"
            length = span(ask.asked_at, ask.ended_at)
            yield Deviation(what, step.title, "", ask.end_reason, ask.asked_at, length)
    for glass in step.broken:
        reason = f"{spoken_rules(glass.rules)}: {glass.reason}"
        yield Deviation("break-glass", step.title, glass.by, reason, glass.at)


def _of_acts(step: StepFact) -> Iterator[Deviation]:
    tries = sorted(step.acts, key=lambda one: (one.round, one.number))
    for act in {one.target: one for one in tries if one.target}.values():
        if act.state == "failed":
            yield Deviation("not done", f"{step.title}: {act.name}", "", act.said, act.ended_at)
    for act in step.acts:
        if act.state == "unknown":
            reason = act.said or "Nobody can tell whether it was done."
            yield Deviation("not known", f"{step.title}: {act.name}", "", reason, act.intended_at)
        if act.number > 1:
            reason = f"Attempt {act.number}. {act.said}".strip()
            yield Deviation("again", f"{step.title}: {act.name}", "", reason, act.intended_at)
        if act.by_word and step.kind != "manual":
            about = f"{step.title}: {act.name}"
            yield Deviation("a word for a sight", about, act.by_word, act.said, act.ended_at)
