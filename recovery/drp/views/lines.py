"""A runbook's steps with the datacenters of one plan, by name, and in a drill what it does instead.

Invariant: of a drill no line says that something is done to production (I-DR-4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from recovery.drp.facts import Kind, Mode
from recovery.drp.plan import Plan
from recovery.drp.runbooks.schema import Runbook
from recovery.drp.runbooks.shown import ANYWHERE, PLACES, StepLine, step_lines

SAID_ONLY = "Drill: said and not done; production is untouched. In a real run: {does}"
ON_ITS_HOSTS = "Drill: on hosts for drills alone, not in production. {does}"
IN_DRILLS: Mapping[Kind, str] = {
    Kind.CHECK: "Drill: {lost} is taken as lost, and the drill’s own hosts are looked at. {does}",
    Kind.WAIT_UNTIL: "Drill: the drill’s own hosts are looked at. {does}",
    Kind.VERIFY: "Drill: the drill’s own hosts are looked at. {does}",
    Kind.MANUAL: "Drill, an exercise: {does}",
    Kind.APPROVAL: "Drill, an exercise: {does}",
    Kind.PROMOTE_DATABASES: (
        "Drill: no standby is promoted; a copy is restored on hosts for drills alone. In a real"
        " run: {does}"
    ),
    Kind.RESTORE_DATABASES: ON_ITS_HOSTS,
    Kind.PLACE_APPLICATIONS: ON_ITS_HOSTS,
}
"""What a drill does (`hands.drilling`); of every other kind it says what it would do."""
REMOVED = (
    "Nothing of production is touched; what the drill begins on its own hosts is removed when it is"
    " over."
)


def takes_over(plan: Plan) -> str:
    """Where what is left goes, in the words of the steps: a plan's name has one datacenter."""
    lost, into = plan.lost.name, plan.into.name
    if plan.mode is Mode.DRILL:
        return f"{lost} is taken as lost and stays as it is."
    places = any(step.kind is Kind.PLACE_APPLICATIONS and step.waves for step in plan.steps)
    said = f"{lost} is left, {into} takes over"
    if not places or plan.stays_within:
        return f"{said}."
    return f"{said}; applications start in {into}{ANYWHERE}."


def _idle(line: StepLine) -> StepLine:
    """It asks nobody, and nothing is final by it."""
    return replace(line, gate="asks nobody", within="", is_brink=False)


def named_lines(book: Runbook, plan: Plan) -> tuple[StepLine, ...]:
    """Where the runbook speaks of "the datacenter that is left", this one's name stands."""
    names = [(PLACES["lost"], plan.lost.name), (PLACES["into"], plan.into.name)]
    if plan.stays_within:
        names = [(ANYWHERE, ""), *names]
    idle = {step.id for step in plan.steps if step.is_idle}
    named = [replace(line, does=_named(line.does, names)) for line in step_lines(book)]
    lines = [_idle(line) if line.id in idle else line for line in named]
    if plan.mode is not Mode.DRILL:
        return tuple(lines)
    kinds = (step.kind for step in book.steps)
    return tuple(_drilled(line, kind, plan) for line, kind in zip(lines, kinds, strict=True))


def _named(text: str, names: Sequence[tuple[str, str]]) -> str:
    for said, name in names:
        text = text.replace(said, name)
    return text


def _drilled(line: StepLine, kind: Kind, plan: Plan) -> StepLine:
    """A drill has no point of no return."""
    said = IN_DRILLS.get(kind, SAID_ONLY).format(does=line.does, lost=plan.lost.name)
    return replace(line, does=said, back=REMOVED, is_brink=False)
