"""A moment as people write and read it: one form for pages, the API and the commands. Pure.

Invariant: what is read is exactly what was written, in UTC; nothing is guessed, and whatever has
another form is refused with the one that is taken.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

EXAMPLE = "2026-11-28 18:00:00"
REFUSAL = f"Write it like {EXAMPLE}, in UTC; or with its offset, like 2026-11-28 19:00:00+01:00."
_WRITTEN = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?", re.ASCII)


class BadMoment(ValueError):
    """Its text is the sentence for whoever wrote it."""


def read_moment(text: str) -> datetime:
    """With its part of a second, as logs write it. `BadMoment` for whatever is none."""
    if _WRITTEN.fullmatch(text) is None:
        raise BadMoment(REFUSAL)
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise BadMoment(REFUSAL) from error


def instant(at: datetime, near: datetime | None = None, *, exact: bool = False) -> str:
    """28 Nov 14:01:10 UTC, whatever its offset; with its year where that is not the one of `near`,
    which people know. `exact`: a person wrote it, so its part of a second is shown if it has one:
    14:01:10.123."""
    utc = at.astimezone(UTC)
    year = "" if near is None or near.astimezone(UTC).year == utc.year else f" {utc.year}"
    part = f".{utc.microsecond // 1000:03d}" if exact and utc.microsecond else ""
    return f"{utc:%d %b}{year} {utc:%H:%M:%S}{part} UTC".lstrip("0")
