"""Spans and instants as sentences have them: round in words, exact in tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


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


def instant(at: datetime, near: datetime | None = None) -> str:
    """28 Nov 14:01:10 UTC, whatever its offset; with its year where that is not the one of `near`,
    which people know."""
    utc = at.astimezone(UTC)
    year = "" if near is None or near.astimezone(UTC).year == utc.year else f" {utc.year}"
    return f"{utc:%d %b}{year} {utc:%H:%M:%S} UTC".lstrip("0")


def counted(n: int, one: str, many: str = "") -> str:
    """1 database, 2 databases."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def joined(names: tuple[str, ...], at_most: int = 3) -> str:
    """a, b, c and 4 more."""
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return f"{', '.join(names[:at_most])}{more}"
