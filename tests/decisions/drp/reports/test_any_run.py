"""Whatever a run was like, its report says of each thing what is known of it, once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.drp.reports.compose import compose
from recovery.drp.reports.document import Report, canonical, read_report
from recovery.drp.reports.facts import Facts
from recovery.drp.reports.measure import BROKEN, KEPT
from tests.decisions.drp.reports.drawn import any_facts

SPANS = {"seconds", "waited", "worst"}


def numbers(value: Any, name: str = "") -> list[float]:
    """Everything in it that is a span of time."""
    if isinstance(value, dict):
        return [n for key, inner in value.items() for n in numbers(inner, key)]
    if isinstance(value, list):
        return [n for inner in value for n in numbers(inner, name)]
    return [value] if name in SPANS and value is not None else []


def check_steps(facts: Facts, report: Report) -> None:
    assert Counter(step.id for step in report.steps) == Counter(step.name for step in facts.steps)
    assert report.counts.all == len(facts.steps)
    assert sum(phase.steps.all for phase in report.phases) == len(facts.steps)
    done = {step.id: [act.key for act in step.operations] for step in report.steps}
    assert done == {
        step.name: [a.key for a in sorted(step.acts, key=lambda a: (a.target, a.number, a.key))]
        for step in facts.steps
    }
    assert len(report.approvals) == sum(len(step.words) for step in facts.steps)
    noes = sum(not word.is_yes for step in facts.steps for word in step.words)
    assert sum(one.what == "no" for one in report.deviations) == noes


def check_promises(facts: Facts, report: Report) -> None:
    assert [one.key for one in report.targets] == [
        one.key for one in sorted(facts.targets, key=lambda each: (each.type, each.name))
    ]
    for service in report.services:
        for tally in (service.rto, service.rpo):
            assert tally.kept + tally.broken + tally.unknown + tally.none == service.targets
    assert sum(one.targets for one in report.services) <= len(report.targets)


def check_unknown(facts: Facts, report: Report) -> None:
    """What no row tells has no figure, and neither keeps nor breaks a promise by one."""
    rows = {one.key: one for one in facts.targets}
    for target in report.targets:
        row = rows[target.key]
        if row.out_since is not None:
            assert target.rto.seconds is None
            assert target.rto.verdict != KEPT
        if row.out_since is None and not row.gaps and not row.is_measured:
            assert target.rto.seconds is None
            assert target.rto.verdict not in {KEPT, BROKEN}
            if row.loss is None and not row.restored:
                assert target.rpo.seconds is None
                assert target.rpo.verdict not in {KEPT, BROKEN}
        if row.gaps and not row.is_measured:
            assert target.rto.verdict != KEPT, "what nobody watched may have been longer"
        for measure in (target.rto, target.rpo):
            assert measure.said
            assert measure.verdict not in {KEPT, BROKEN} or measure.promised is not None


@settings(max_examples=400, derandomize=True, deadline=None)
@given(st.integers(0, 2**32))
def test_every_step_is_there_once_sums_agree_no_time_is_negative_and_unknown_is_never_0(
    seed: int,
) -> None:
    facts = any_facts(seed)
    report = compose(facts)
    check_steps(facts, report)
    check_promises(facts, report)
    check_unknown(facts, report)
    assert all(number >= 0 for number in numbers(msgspec.to_builtins(report)))
    raw = canonical(report)
    assert read_report(raw) == report
    assert compose(replace(facts, steps=facts.steps[::-1])) == report
    assert bool(report.watermark) == (facts.run.mode in {"drill", "simulation"})
