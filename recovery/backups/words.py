"""Spans and instants as sentences have them: round in words, exact in tables."""

from __future__ import annotations

from datetime import timedelta

from recovery.core.moments import instant

__all__ = ["counted", "instant", "joined", "spoken"]


def spoken(span: timedelta) -> str:
    """40 s, 34 min, 17 h, 3 days; never rounded down to nothing."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    if seconds < 172_800:
        return f"{seconds // 3600} h"
    return f"{seconds // 86_400} days"


def counted(n: int, one: str, many: str = "") -> str:
    """1 database, 2 databases."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def joined(names: tuple[str, ...], at_most: int = 3) -> str:
    """a, b, c and 4 more."""
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return f"{', '.join(names[:at_most])}{more}"
