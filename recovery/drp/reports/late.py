"""What is known of a report that a run which has ended has not got yet: rows → facts."""

from __future__ import annotations

from datetime import datetime

from recovery.alarms.models import Alarm
from recovery.drp.facts import Mode
from recovery.drp.models import Run
from recovery.drp.queries.drilled import is_proven
from recovery.drp.queries.sealed import is_covered
from recovery.drp.reports.awaiting import Late


def missing_key(run: Run) -> str:
    """Of the alarm that rings while its report cannot be written."""
    return f"report-missing:{run.pk}"


def late_of(run: Run, now: datetime) -> Late:
    """As of now."""
    rings = Alarm.objects.filter(key=missing_key(run)).exclude(state="ended")
    return Late(
        waited=now - (run.ended_at or run.state_at),
        is_sealed=is_covered(run),
        is_proven=run.mode != Mode.DRILL or is_proven(run),
        trouble=rings.values_list("body", flat=True).first() or "",
    )
