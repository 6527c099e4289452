"""What a run's plan promises of each service, and since when that counts."""

from __future__ import annotations

import json
from datetime import datetime

from django.utils.dateparse import parse_datetime

from recovery.drp.models import Run
from recovery.drp.runbooks.reading import reread_runbook


def lost_at(row: Run) -> datetime | None:
    """When what it recovers was lost, as its decision has it, else when it began."""
    if row.decision is None:
        return row.started_at
    told = json.loads(row.decision.shown).get("lost_at") or ""
    return parse_datetime(told) or row.started_at


def promised(row: Run) -> tuple[tuple[str, float], ...]:
    """Each service with its RTO in seconds."""
    book = reread_runbook(row.runbook.raw.encode(), f"{row.runbook.name}.yaml")
    return tuple((one.name, float(one.rto)) for one in book.plan.services)
