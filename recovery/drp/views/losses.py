"""What is lost, as the decision froze it: of each database, whatever step recovers it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.dateparse import parse_datetime

from recovery.brief.facts import Way
from recovery.drp.models import Run


@dataclass(frozen=True, slots=True)
class LossLine:
    """`lost` None: everything (`is_all`), or nobody knows; `at`: back to then."""

    database: str
    lost: timedelta | None
    is_all: bool
    at: datetime | None
    source: str

    @property
    def tone(self) -> str:
        if self.lost is not None:
            return ""
        return "down" if self.is_all else "unknown"


@dataclass(frozen=True, slots=True)
class Risk:
    """The worst of all that is known, and of how many it is everything or nobody knows."""

    worst: LossLine | None
    gone: tuple[str, ...]
    unknown: tuple[str, ...]


def losses_of(run: Run) -> tuple[LossLine, ...]:
    """Worst first, as they stood when it was decided; empty where nothing was decided."""
    if run.decision is None:
        return ()
    told = json.loads(run.decision.shown)["activate"]["losses"]
    return tuple(
        LossLine(
            database=one["database"],
            lost=None if one["lost"] is None else timedelta(milliseconds=one["lost"]),
            is_all=one["way"] == Way.NONE,
            at=parse_datetime(one["at"]) if one["at"] else None,
            source=one["source"],
        )
        for one in told
    )


def risk_of(found: tuple[LossLine, ...]) -> Risk | None:
    """None where nothing was quoted."""
    if not found:
        return None
    known = [(one.lost, at, one) for at, one in enumerate(found) if one.lost is not None]
    return Risk(
        worst=max(known, default=(None, 0, None), key=lambda one: one[0] or timedelta(0))[2],
        gone=tuple(one.database for one in found if one.is_all),
        unknown=tuple(one.database for one in found if one.lost is None and not one.is_all),
    )
