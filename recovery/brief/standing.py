"""Up to which moment a standby elsewhere holds what its primary acknowledged. Pure.

Invariant: it is never later than what was seen: a synchronous standby has all of it, another one
what its primary had told of when its agent last spoke, and less by its lag where it is behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from recovery.brief.facts import StandbyFact
from recovery.inventory.facts import Verdict

RUNS = "running"
GRID = 10
"""Seconds: two looks at one lag differ by less."""


@dataclass(frozen=True, slots=True)
class Sight:
    """The newest word of its agent about a replica. `lag`: seconds, None unknown; `synchronous`:
    the replicas (ids) that it waits for, where it leads."""

    at: datetime
    state: str
    position: int
    lag: float | None
    synchronous: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Standby:
    """A member elsewhere. `is_safe`: its database is synchronous and not degraded."""

    replica: str
    host: str
    site: str
    verdict: Verdict
    is_safe: bool
    sight: Sight | None


def standby_fact(one: Standby, primary: Sight | None, until: datetime) -> StandbyFact:
    """`until`: nothing was acknowledged after it."""
    at, why = _holds(one, primary, until)
    return StandbyFact(one.host, one.site, at, why)


def _holds(one: Standby, primary: Sight | None, until: datetime) -> tuple[datetime | None, str]:
    if why := _unseen(one, primary):
        return None, why
    assert primary is not None, "it was seen"
    assert one.sight is not None, "it was seen"
    if one.is_safe and one.replica in primary.synchronous:
        return until, "synchronous: all that was acknowledged is on it"
    seen = min(primary.at, until)
    if one.sight.position >= primary.position > 0:
        return seen, "it holds all that its primary last told of"
    if one.sight.lag is None:
        return None, "it is behind its primary, nobody knows by how long"
    at = _replayed(one.sight, one.sight.lag, seen)
    return at, f"it was {(seen - at).total_seconds():.1f} s behind its primary"


def _replayed(sight: Sight, lag: float, seen: datetime) -> datetime:
    """A standby counts its lag until now, however long its primary is silent: one that reaches back
    before the primary's last word says what it holds, and every look says the same."""
    reached = sight.at - timedelta(seconds=lag)
    if reached <= seen < sight.at:
        return reached.replace(second=reached.second // GRID * GRID, microsecond=0)
    return min(seen, sight.at) - timedelta(seconds=lag)


def _unseen(one: Standby, primary: Sight | None) -> str:
    """Why nobody can tell what it holds; empty where somebody can."""
    if one.verdict is not Verdict.ALIVE:
        return f"its host is {one.verdict}"
    if one.sight is None:
        return "its agent never told of it"
    if one.sight.state != RUNS:
        return f"its server is {one.sight.state or 'not seen'}"
    return "" if primary is not None else "nobody knows how far its primary was"
