"""Spans and instants as sentences have them: round in words, exact in tables."""

from __future__ import annotations

import re
from datetime import timedelta

from recovery.core.moments import ends, first_instant, instant
from recovery.core.ports.snapshots import COPYING

__all__ = [
    "brief",
    "counted",
    "ends",
    "first_instant",
    "instant",
    "is_copying",
    "is_silence",
    "joined",
    "spoken",
]

_PART = r"(?:[^:(]|\([^)]*\))+"
_BRIEF = re.compile(f"{_PART}(?:: {_PART})?")
_SILENCE = re.compile(
    "no answer|cannot be reached|connection broke|connection refused", re.IGNORECASE
)


def brief(error: str) -> str:
    """Which store it is and what is the matter, without what a library said of it: whoever wants
    that finds it one level deeper."""
    found = _BRIEF.match(error)
    return (found[0] if found else error).rstrip(". ")


def is_silence(error: str) -> bool:
    """Whether it says that the store does not answer: another one answers, and says no."""
    return _SILENCE.search(brief(error)) is not None


def is_copying(error: str) -> bool:
    """Whether it says that there is a snapshot, and its volume is not there yet."""
    return COPYING in brief(error)


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
