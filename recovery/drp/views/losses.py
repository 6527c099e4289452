"""What is lost of each database: as the plan quotes it, which people sign, or else as the decision
before it froze it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.dateparse import parse_datetime

from recovery.backups.words import spoken
from recovery.brief.facts import Way
from recovery.drp.models import Run
from recovery.drp.plan import Quote


@dataclass(frozen=True, slots=True)
class LossLine:
    """`lost` None: everything (`is_all`), or nobody knows; `at`: back to then; `is_quoted`: by the
    plan that is signed."""

    database: str
    lost: timedelta | None
    is_all: bool
    at: datetime | None
    source: str
    is_quoted: bool = False

    @property
    def tone(self) -> str:
        if self.lost is not None:
            return ""
        return "down" if self.is_all else "unknown"


@dataclass(frozen=True, slots=True)
class Risk:
    """The worst of all that is known, and of how many it is everything or nobody knows; `decided`:
    what was the worst when it was decided, where that is another figure."""

    worst: LossLine | None
    gone: tuple[str, ...]
    unknown: tuple[str, ...]
    decided: LossLine | None = None


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


def quoted_of(quotes: Sequence[Quote], since: datetime | None) -> tuple[LossLine, ...]:
    """As the plan has it. What it quotes no loss of is counted from `since`, when it was lost."""
    known = [(quote, parse_datetime(quote.moment)) for quote in quotes]
    return tuple(
        LossLine(
            database=quote.name,
            lost=_lost(quote, at, since),
            is_all=False,
            at=at,
            source=quote.source,
            is_quoted=True,
        )
        for quote, at in known
        if (at or quote.way == "promote") and (since or quote.lost_ms is not None)
    )


def _lost(quote: Quote, at: datetime | None, since: datetime | None) -> timedelta | None:
    if quote.lost_ms is not None:
        return timedelta(milliseconds=quote.lost_ms)
    if quote.way == "promote":
        return None
    return max(since - at, timedelta(0)) if since and at else None


def risk_of(quoted: Sequence[LossLine], decided: Sequence[LossLine] = ()) -> Risk | None:
    """None where nothing was quoted and nothing decided. One figure for one thing: the plan's,
    which people sign; the decision's only of what the plan does not quote."""
    names = {one.database for one in quoted}
    found = (*quoted, *(one for one in decided if one.database not in names))
    if not found:
        return None
    worst, before = _worst(found), _worst(decided)
    return Risk(
        worst=worst,
        gone=tuple(one.database for one in found if one.is_all),
        unknown=tuple(one.database for one in found if one.lost is None and not one.is_all),
        decided=None if before and worst and _is_same(before, worst) else before,
    )


def _worst(found: Sequence[LossLine]) -> LossLine | None:
    """The most of what is known, the first of those that lose as much."""
    known = [one for one in found if one.lost is not None]
    return max(known, key=lambda one: one.lost or timedelta(0), default=None)


def _is_same(one: LossLine, other: LossLine) -> bool:
    """In the words that people read."""
    if one.lost is None or other.lost is None:
        return False
    return one.database == other.database and spoken(one.lost) == spoken(other.lost)
