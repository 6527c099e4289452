"""What holds between the steps of a runbook. Pure.

Invariants: ids are unique, needs are known and free of cycles, no step waits for a later stage;
automation and retention are frozen before anything dangerous (OVH 2021: purge jobs ran on), and a
datacenter that was lost is fenced before anything of it is promoted or restored elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from recovery.drp.facts import DANGEROUS, STAGES, Kind
from recovery.drp.runbooks.schema import Runbook, Step
from recovery.drp.runbooks.yaml import Path


@dataclass(frozen=True, slots=True)
class Wrong:
    """`path`: the field at fault."""

    path: Path
    said: str
    todo: str = ""


def wrongs(runbook: Runbook) -> list[Wrong]:
    """All of them; what rests on known ids is looked at only where ids are known."""
    found = [*_twice(runbook.steps), *_unknown(runbook.steps)]
    if found:
        return found
    if found := list(_cycles(runbook.steps)):
        return found
    return [*_stages(runbook.steps), *_order(runbook)]


def _twice(steps: tuple[Step, ...]) -> Iterator[Wrong]:
    first: dict[str, int] = {}
    for at, step in enumerate(steps):
        if step.id in first:
            said = f"{step.id} is the id of steps[{first[step.id]}] already."
            yield Wrong(("steps", at, "id"), said, "Give each step an id of its own.")
        first.setdefault(step.id, at)


def _unknown(steps: tuple[Step, ...]) -> Iterator[Wrong]:
    known = {step.id for step in steps}
    for at, step in enumerate(steps):
        for n, need in enumerate(step.needs):
            if need not in known:
                todo = f"Steps are: {', '.join(sorted(known))}."
                yield Wrong(("steps", at, "needs", n), f"There is no step {need}.", todo)


def _cycles(steps: tuple[Step, ...]) -> Iterator[Wrong]:
    """Every way that leads back to itself, once, at the need that closes it."""
    at = {step.id: n for n, step in enumerate(steps)}
    done: set[str] = set()
    for start in steps:
        trail: list[tuple[str, int]] = [(start.id, 0)]
        while trail:
            name, nth = trail.pop()
            needs = steps[at[name]].needs
            if name in done or nth >= len(needs):
                done.add(name)
                continue
            trail.append((name, nth + 1))
            walked = [step for step, _ in trail]
            if needs[nth] in walked:
                circle = [*walked[walked.index(needs[nth]) :], needs[nth]]
                said = f"This closes a circle: {' needs '.join(circle)}."
                yield Wrong(("steps", at[name], "needs", nth), said, "Remove one of these needs.")
            elif needs[nth] not in done:
                trail.append((needs[nth], 0))


def _stages(steps: tuple[Step, ...]) -> Iterator[Wrong]:
    rank = {step.id: STAGES.index(step.stage) for step in steps}
    for at, step in enumerate(steps):
        for n, need in enumerate(step.needs):
            if rank[need] > rank[step.id]:
                said = f"{step.id} ({step.stage}) waits for {need}, which belongs to a later stage."
                yield Wrong(("steps", at, "needs", n), said)


MOVE_NOTHING = frozenset(
    {Kind.LIFT_FENCE, Kind.KEEP_COPIES, Kind.EXPORT_COPIES, Kind.DISCARD_COPIES}
)
"""They end nothing that serves: what came back is cleared away by automation meanwhile."""


def _order(runbook: Runbook) -> Iterator[Wrong]:
    before = ancestors(runbook.steps)
    kinds = {step.id: step.kind for step in runbook.steps}
    for at, step in enumerate(runbook.steps):
        if step.kind not in DANGEROUS or step.kind in MOVE_NOTHING:
            continue
        earlier = {kinds[name] for name in before[step.id]}
        if Kind.FREEZE_AUTOMATION not in earlier:
            yield _lacks(at, step, "freeze_automation")
        moves_data = step.kind in {Kind.PROMOTE_DATABASES, Kind.RESTORE_DATABASES}
        if moves_data and not runbook.is_lossless and Kind.FENCE_DATACENTER not in earlier:
            yield _lacks(at, step, "fence_datacenter")


def _lacks(at: int, step: Step, kind: str) -> Wrong:
    said = f"{step.id} does {step.kind} without a step {kind} before it."
    return Wrong(("steps", at, "needs"), said, f"Add such a step, and let {step.id} need it.")


def ancestors(steps: tuple[Step, ...]) -> Mapping[str, frozenset[str]]:
    """Of each step all that is done before it, however far back. The needs have no cycle."""
    needs = {step.id: step.needs for step in steps}
    found: dict[str, frozenset[str]] = {}

    def of(name: str) -> frozenset[str]:
        if name not in found:
            direct = frozenset(needs[name])
            found[name] = direct.union(*(of(each) for each in direct))
        return found[name]

    for step in steps:
        of(step.id)
    return found
