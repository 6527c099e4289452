"""This month as stretches of time: which of it was measured, and why the rest was not. Pure.

Invariants: the stretches follow one another from the month's first moment until now, so that they
add up to the whole; what was down counts in the stretch in which it was, once, and what nobody
measured is no uptime. No stretch holds the hour: the last one is open.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Stretch:
    """`ended` None: it lasts; `why`: it was not measured, empty: it was; `out`: seconds of known
    outages in it that are over."""

    began: datetime
    ended: datetime | None
    out: float
    why: str = ""

    @property
    def is_measured(self) -> bool:
        return not self.why

    @property
    def seconds(self) -> float | None:
        """None: it lasts."""
        return None if self.ended is None else (self.ended - self.began).total_seconds()


NOBODY = "Nobody asks it as a user does: what its users got is not known."
BEFORE = (
    "Not every second was measured before that: {who} has asked without a break only since then."
    " What is known to have been down is counted, and nothing else is."
)
SILENT = "{Who} has told nothing since then: what its users get is not known."


def stretches(
    first: datetime,
    outs: Iterable[Span],
    *,
    who: str,
    since: datetime | None,
    silent: datetime | None,
) -> tuple[Stretch, ...]:
    """`first`: of the month; `outs`: what was down and is over; `since`: from when on `who` asked
    without a break, None: never; `silent`: since when nothing was told, None: it tells now."""
    outs = list(outs)
    if since is None:
        return (Stretch(first, None, _out(outs, first, None), NOBODY),)
    found = []
    begins = max(first, since)
    if begins > first:
        found.append(Stretch(first, begins, _out(outs, first, begins), BEFORE.format(who=who)))
    stops = max(begins, silent) if silent is not None else None
    if stops is None or stops > begins:
        found.append(Stretch(begins, stops, _out(outs, begins, stops)))
    if stops is not None:
        found.append(
            Stretch(
                stops,
                None,
                _out(outs, stops, None),
                SILENT.format(Who=f"{who[0].upper()}{who[1:]}"),
            )
        )
    return tuple(found)


def _out(outs: list[Span], began: datetime, ended: datetime | None) -> float:
    """Seconds of these within the stretch; what overlaps counts once."""
    total, upto = 0.0, began
    for start, stop in sorted(outs):
        begins, ends = max(start, upto), stop if ended is None else min(stop, ended)
        if ends > begins:
            total += (ends - begins).total_seconds()
            upto = ends
    return total
