"""Would the loss of a rack fit elsewhere? Asked beforehand: the brake then answers at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from recovery.inventory.models import Application, Host
from recovery.scheduling import queries
from recovery.scheduling.what_if import what_if

EVERY_SECONDS = 10.0


@dataclass(slots=True)
class Foresight:
    """The newest answer per rack, by detection's name for it; looked at again now and then."""

    fits: Mapping[str, bool] = field(default_factory=dict)
    _next: float = 0.0

    def refresh(self, *, monotonic: float, now: datetime) -> Mapping[str, bool]:
        """The answers, at most `EVERY_SECONDS` old."""
        if monotonic >= self._next:
            self._next = monotonic + EVERY_SECONDS
            self.fits = rack_fits(now)
        return self.fits


def rack_fits(now: datetime) -> dict[str, bool]:
    """For each rack: would everything that it holds find a seat elsewhere?"""
    racks: dict[str, list[str]] = defaultdict(list)
    rows = Host.objects.values_list("pk", "datacenter__name", "rack__kind", "rack__name")
    for host, site, kind, rack in rows:
        racks[f"{site} {kind} {rack}"].append(str(host))
    snapshot = queries.snapshot_of(list(Application.objects.values_list("pk", flat=True)), now)
    return {name: not what_if(snapshot, hosts, now).unplaced for name, hosts in racks.items()}
