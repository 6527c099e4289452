"""This month of one application, as its prober saw it."""

from __future__ import annotations

from datetime import datetime

from recovery.inventory.stretches import Stretch, stretches
from recovery.traffic.levels import month_of
from recovery.traffic.models import Outage, Pulse
from recovery.traffic.queries import FRESH


def month_of_application(name: str, now: datetime) -> tuple[Stretch, ...]:
    """Rows alone, but for which month it is and whether the prober tells now."""
    first, _ = month_of(now)
    pulse = Pulse.objects.filter(application__name=name).first()
    outs = Outage.objects.filter(application__name=name, ended_at__gt=first)
    silent = pulse.at if pulse is not None and now - pulse.at > FRESH else None
    return stretches(
        first,
        [(began, ended) for began, ended in outs.values_list("started_at", "ended_at") if ended],
        who="its prober",
        since=(pulse.since or pulse.at) if pulse is not None else None,
        silent=silent,
    )
