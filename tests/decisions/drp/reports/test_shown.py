"""A report in words: what each mode says of the two datacenters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recovery.drp.facts import Mode
from recovery.drp.reports.compose import compose
from recovery.drp.reports.shown import sections
from tests.decisions.drp.reports.drawn import any_facts


@pytest.mark.parametrize("mode", [Mode.PLANNED, Mode.DISASTER])
def test_nothing_is_lost_or_silent_where_people_leave_what_serves(mode: Mode) -> None:
    facts = any_facts(7)
    report = compose(replace(facts, run=replace(facts.run, mode=mode)))
    told = dict(sections(report)[0].facts)
    is_loss = mode is Mode.DISASTER
    assert ("Silent since" in told, "Lost, taken over by" in told) == (is_loss, is_loss)
    assert ("Left, taken over by" in told) is not is_loss
