"""What a brief knows of every datacenter, read once a look."""

from __future__ import annotations

from datetime import datetime

from recovery.brief.queries import Fleet, fleet_at
from recovery.drp.queries.once import once


def fleet_once(now: datetime) -> Fleet:
    """As this look saw it first."""
    return once(("fleet",), lambda: fleet_at(now))
