"""A runbook's steps with the datacenters of one plan, by name."""

from __future__ import annotations

from dataclasses import replace

from recovery.drp.plan import Plan
from recovery.drp.runbooks.schema import Runbook
from recovery.drp.runbooks.shown import PLACES, StepLine, step_lines


def named_lines(book: Runbook, plan: Plan) -> tuple[StepLine, ...]:
    """Where the runbook speaks of "the datacenter that is left", this one's name stands."""
    names = ((PLACES["lost"], plan.lost.name), (PLACES["into"], plan.into.name))
    return tuple(replace(line, does=_named(line.does, names)) for line in step_lines(book))


def _named(text: str, names: tuple[tuple[str, str], ...]) -> str:
    for said, name in names:
        text = text.replace(said, name)
    return text
