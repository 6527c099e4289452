"""This month of one database, as its writing user saw it."""

from __future__ import annotations

from datetime import datetime

from recovery.failover.rounds.meter import STALE
from recovery.failover.service import first_of_month
from recovery.inventory.models import WriteGap, WriteProbe
from recovery.inventory.stretches import Stretch, stretches


def month_of_database(name: str, now: datetime) -> tuple[Stretch, ...]:
    """Rows alone, but for which month it is and whether the meter tells now."""
    first = first_of_month(now)
    probe = WriteProbe.objects.filter(database__name=name).first()
    gaps = WriteGap.objects.filter(database__name=name, first_after__gt=first)
    silent = probe.at if probe is not None and now - probe.at > STALE else None
    outs = list(gaps.values_list("last_before", "first_after"))
    if probe is not None and silent is not None and probe.failing_since is not None:
        outs.append((probe.failing_since, silent))
    return stretches(
        first,
        outs,
        who="its writing user",
        since=(probe.since or probe.at) if probe is not None else None,
        silent=silent,
    )
