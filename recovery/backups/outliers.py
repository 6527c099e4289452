"""Backups that are unlike those before them, in size or in time. Pure.

By the median and the median absolute deviation, so that the odd one does not move its own measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from recovery.backups.facts import Run

LOOKED_AT = 14
FEWEST = 5
"""Before so many there is no usual."""
FAR = 3.5
"""In scaled deviations (Iglewicz and Hoaglin)."""
LEAST_SPREAD = 0.05
"""Of the median: runs that were alike to the byte do not make the next byte an outlier."""


def outlier(runs: Sequence[Run]) -> str:
    """What is unusual about the last run, seen from those before it; empty: nothing."""
    if len(runs) <= FEWEST:
        return ""
    *before, last = runs[-LOOKED_AT - 1 :]
    said = []
    usual = median(run.bytes for run in before)
    if _is_far(last.bytes, [run.bytes for run in before], least=1024):
        said.append(f"it has {_size(last.bytes)}, {_size(usual)} are usual")
    usual = median(run.seconds for run in before)
    if _is_far(last.seconds, [run.seconds for run in before], least=2.0):
        said.append(f"it took {last.seconds:.0f} s, {usual:.0f} s are usual")
    return f"Backup {last.backup} is unusual: {'; '.join(said)}." if said else ""


def _is_far(value: float, before: Sequence[float], *, least: float) -> bool:
    middle = median(before)
    spread = 1.4826 * median(abs(each - middle) for each in before)
    return abs(value - middle) > FAR * max(spread, LEAST_SPREAD * middle, least)


def _size(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError
