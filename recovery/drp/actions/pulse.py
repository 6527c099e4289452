"""The leaders' own count of a run's seconds: it makes approvals older, never younger."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db.models import F

from recovery.drp.models import Run, RunPulse


def begin_pulse(run: Run) -> None:
    """With the run's own rows."""
    RunPulse.objects.create(run=run)


def count_pulse(runs: Collection[UUID], seconds: float) -> None:
    """So much went by on the leader's monotonic clock since it last looked."""
    RunPulse.objects.filter(run__in=list(runs)).update(seconds=F("seconds") + max(0.0, seconds))
