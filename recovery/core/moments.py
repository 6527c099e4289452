"""A moment as people write and read it: one form for pages, the API and the commands. Pure.

Invariants: what is read is exactly what was written, in UTC; nothing is guessed, and whatever has
another form is refused with the one that is taken. Both ends of a range that is shown lie within
it: its start is rounded up to what is shown, its end down, so that neither is refused when typed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

EXAMPLE = "2026-11-28 18:00:00"
REFUSAL = f"Write it like {EXAMPLE}, in UTC; or with its offset, like 2026-11-28 19:00:00+01:00."
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
_ZERO = datetime.min.replace(tzinfo=UTC)
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
    part = part_of_second(utc) if exact else ""
    return f"{utc:%d %b}{year} {utc:%H:%M:%S}{part} UTC".lstrip("0")


def part_of_second(at: datetime) -> str:
    """.123 or, where that is not all of it, .123456; empty for a whole second."""
    if not at.microsecond:
        return ""
    milliseconds, rest = divmod(at.microsecond, 1000)
    return f".{at.microsecond:06d}" if rest else f".{milliseconds:03d}"


def rounded_up(at: datetime, unit: timedelta = SECOND) -> datetime:
    """The first whole one that is not before it."""
    return at + (_ZERO - at) % unit


def first_instant(at: datetime, near: datetime | None = None) -> str:
    """Of a range that has no end."""
    return instant(rounded_up(at), near)


def ends(first: datetime, last: datetime, near: datetime | None = None) -> tuple[str, str]:
    """Of a range; one that has no whole second in it is shown to its parts of a second."""
    if rounded_up(first) > last:
        return instant(first, near, exact=True), instant(last, near, exact=True)
    return first_instant(first, near), instant(last, near)
