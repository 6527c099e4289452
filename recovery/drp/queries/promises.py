"""What a run's plan promises of each service, and since when that counts."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from recovery.drp.looking import World
from recovery.drp.models import Run
from recovery.drp.queries.runs import plan_of
from recovery.drp.queries.served import Window, shown_lost_at, targets_of
from recovery.drp.runbooks.covers import Covers
from recovery.drp.runbooks.reading import reread_runbook
from recovery.drp.runbooks.schema import Service


def lost_at(row: Run) -> datetime | None:
    """When what it recovers was lost, as its decision has it, else when it began."""
    return shown_lost_at(row) or row.started_at


def promised(row: Run) -> tuple[Service, ...]:
    """Each service with its RTO in seconds."""
    book = reread_runbook(row.runbook.raw.encode(), f"{row.runbook.name}.yaml")
    return book.plan.services


def back(row: Run, world: World, now: datetime) -> frozenset[str]:
    """Names of the services of which all that the run is about serves its users. Who is blind says
    it of none, and so does who knows not which ones are meant."""
    if world.blind:
        return frozenset()
    serving = {one.key for one in world.services if one.is_serving}
    meant: dict[Covers, set[str]] = defaultdict(set)
    for one in targets_of(plan_of(row), {}, Window(None, None, now)):
        if one.covers is not None:
            meant[one.covers].add(one.key)
    return frozenset(
        one.name
        for one in promised(row)
        if one.covers and meant[one.covers] and meant[one.covers] <= serving
    )
