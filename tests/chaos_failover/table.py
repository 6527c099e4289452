"""The summary of many schedules. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

Line = Mapping[str, Any]


def table(lines: Sequence[Line]) -> str:
    """One row for each database and one for all."""
    names = sorted({line["database"] for line in lines})
    rows = [_row(name, [line for line in lines if line["database"] == name]) for name in names]
    head = (
        f"{'':<16}{'schedules':>10}{'faults':>8}{'acknowledged':>14}{'failovers':>11}"
        f"{'lost':>6}{'longest gap':>13}{'whole: median':>15}{'max':>7}"
    )
    return "\n".join(["", head, *rows, _row("all", lines)])


def _row(name: str, lines: Sequence[Line]) -> str:
    whole = [line["whole"] for line in lines if line["whole"] is not None] or [float("nan")]
    done = sum(each.startswith("failover: done") for line in lines for each in line["failovers"])
    return (
        f"{name:<16}{len(lines):>10}{sum(not line['ok'] for line in lines):>8}"
        f"{sum(line['acknowledged'] for line in lines):>14}{done:>11}"
        f"{sum(line['lost'] for line in lines):>6}"
        f"{max(line['longest_gap'] for line in lines):>11.1f} s"
        f"{statistics.median(whole):>13.1f} s{max(whole):>5.1f} s"
    )
