"""Would the loss of a rack fit elsewhere? Asked beforehand: the brake then answers at once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from django.db import DatabaseError, close_old_connections, connection

from recovery.core.clock import Clock
from recovery.inventory.models import Application, Host
from recovery.scheduling import queries
from recovery.scheduling.what_if import what_if

log = structlog.get_logger()
EVERY_SECONDS = 10.0
SHARE = 0.1
"""Of the time, at most: it looks at every seat of the fleet once per rack."""
STANDBY_SECONDS = 1.0


@dataclass(slots=True)
class Foresight:
    """The newest answer per rack, by detection's name for it; none yet means that a person is
    asked. Invariant: the judgement reads it and never waits for it."""

    clock: Clock
    fits: Mapping[str, bool] = field(default_factory=dict)

    def look(self) -> float:
        """Answer anew; how many seconds that took."""
        began = self.clock.monotonic()
        close_old_connections()
        try:
            self.fits = rack_fits(self.clock.now())
        except DatabaseError as error:
            log.warning("rows are away", work="foresight", error=str(error).strip())
        finally:
            connection.close()
        return self.clock.monotonic() - began

    async def run(self, leads: Callable[[], bool]) -> None:
        """In a thread of its own, while this controller leads, until cancelled."""
        while True:
            if leads():
                spent = await asyncio.to_thread(self.look)
                await asyncio.sleep(max(EVERY_SECONDS, spent / SHARE))
            else:
                await asyncio.sleep(STANDBY_SECONDS)


def rack_fits(now: datetime) -> dict[str, bool]:
    """For each rack: would everything that it holds find a seat elsewhere?"""
    racks: dict[str, list[str]] = defaultdict(list)
    rows = Host.objects.values_list("pk", "datacenter__name", "rack__kind", "rack__name")
    for host, site, kind, rack in rows:
        racks[f"{site} {kind} {rack}"].append(str(host))
    snapshot = queries.snapshot_of(list(Application.objects.values_list("pk", flat=True)), now)
    return {name: not what_if(snapshot, hosts, now).unplaced for name, hosts in racks.items()}
