"""Spans as people write them. Pure."""

from __future__ import annotations

import re

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
WRITTEN = re.compile(r"^([1-9][0-9]{0,5})([smhd])$")
ALLOWED = "a number with its unit, s, m, h or d: 90s, 10m, 4h, 2d"
LONGEST = 30 * 86_400


def read_span(text: object) -> int:
    """Seconds. `ValueError` with a sentence."""
    found = WRITTEN.match(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"{text!r} is no span of time. Allowed: {ALLOWED}.")
    seconds = int(found[1]) * UNITS[found[2]]
    if seconds > LONGEST:
        raise ValueError(f"{text!r} is longer than 30 days.")
    return seconds


def write_span(seconds: int) -> str:
    """10m, and never rounded."""
    fits = [unit for unit, size in UNITS.items() if seconds % size == 0]
    return f"{seconds // UNITS[fits[-1]]}{fits[-1]}"
