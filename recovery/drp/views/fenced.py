"""What a fence told, beside the word of a person who called it done."""

from __future__ import annotations

from recovery.drp.facts import StepState
from recovery.drp.models import RunStep
from recovery.failover.models import Fence


def with_fence(row: RunStep) -> str:
    """What is said of a step; of a fence that is done, by whoever's word, also what it proved."""
    if row.state != StepState.DONE:
        return row.said
    key = f"{row.run_id}/{row.name}/"
    told = Fence.objects.filter(key__startswith=key).order_by("-fenced_at")
    found = told.values_list("told", flat=True).first() or ""
    return row.said if found in row.said else f"{row.said} {found}"
