"""Which steps decide how long a run takes. Pure.

Invariant: what is over, or has nothing to do, takes no time; a simulation that only looks is as
long as its steps may be.
"""

from __future__ import annotations

from collections.abc import Collection

from recovery.drp.plan import Plan, PlannedStep


def critical_path(plan: Plan, over: Collection[str] = ()) -> tuple[tuple[str, ...], int]:
    """The longest chain of steps that are not over, and how many seconds it may take at most: the
    sum of what each step has until it counts as failed."""
    best: dict[str, tuple[int, tuple[str, ...]]] = {}
    for step in _in_order(plan):
        before = max((best[need] for need in step.needs), default=(0, ()))
        own = (0, ()) if step.id in over or step.is_idle else (step.timeout, (step.id,))
        best[step.id] = (before[0] + own[0], before[1] + own[1])
    seconds, chain = max(best.values(), key=lambda one: one[0], default=(0, ()))
    return chain, seconds


def _in_order(plan: Plan) -> list[PlannedStep]:
    """Each after all that it needs; a plan has no cycle (the graph is checked when it is read)."""
    left, done, found = list(plan.steps), set[str](), []
    while left:
        ready = [step for step in left if done.issuperset(step.needs)]
        assert ready, "a plan has no cycle"
        found += ready
        done |= {step.id for step in ready}
        left = [step for step in left if step.id not in done]
    return found
