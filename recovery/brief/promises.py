"""What an outage uses of this month's promises, and when each one breaks. Pure.

Invariant: a promise that nobody measures is unknown: it neither burns nor holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from recovery.brief.facts import ServiceFact
from recovery.brief.parts import Breach, Burn


def breaches(
    services: Iterable[ServiceFact], stopped: Collection[str], since: datetime | None
) -> tuple[Breach, ...]:
    """Of those that are out, that `stopped` says will be, or whose promise of this month is broken
    already, whoever answers now: first the broken, then by when they break. Those that are out
    and that nobody saw fail are counted from `since`, the loss."""
    found = [
        _breach(one, since if one.name in stopped else None)
        for one in services
        if one.out_since is not None or one.name in stopped or _is_spent(one)
    ]
    return ranked(found)


def _is_spent(one: ServiceFact) -> bool:
    """By the figures that the overview shows of it, too."""
    return one.is_measured and one.used >= one.allowed


def ranked(found: Iterable[Breach]) -> tuple[Breach, ...]:
    """First the broken, then by when they break."""
    return tuple(sorted(found, key=_rank))


def _breach(one: ServiceFact, since: datetime | None) -> Breach:
    began = one.out_since or since
    if not one.is_measured:
        return Breach(one.name, one.level, None, began, None)
    left = one.allowed - one.used
    if _is_spent(one):
        return Breach(one.name, one.level, left, began, None, is_broken=True)
    at = began + timedelta(seconds=left) if began is not None else None
    return Breach(one.name, one.level, left, began, at)


def _rank(breach: Breach) -> tuple[bool, float, float, str]:
    at = breach.at.timestamp() if breach.at else float("inf")
    left = float("inf") if breach.left is None else breach.left
    return not breach.is_broken, at, left, breach.name


def burns(found: Sequence[Breach], services: Sequence[ServiceFact]) -> tuple[Burn, ...]:
    """By level and plan, in a fixed order; of `services` are all that have something there."""
    levels = sorted({one.level for one in services} | {one.level for one in found})
    return tuple(_burn(level, found, services) for level in levels)


def _burn(level: str, found: Sequence[Breach], services: Sequence[ServiceFact]) -> Burn:
    ours = [one for one in found if one.level == level]
    measured = [one for one in ours if one.left is not None]
    whole = [one for one in measured if not one.is_broken]
    return Burn(
        level=level,
        count=sum(one.level == level for one in services),
        burning=sum(one.since is not None for one in measured),
        broken=len(measured) - len(whole),
        unknown=len(ours) - len(measured),
        since=min((one.since for one in measured if one.since), default=None),
        first=next(iter(whole), None),
    )
