"""What `make bench-failover` kills, how often, and the table of what came of it. Pure but for
printing."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tests.bench.patroni import TERMS

Line = Mapping[str, object]


class Kind(NamedTuple):
    """`where`: its databases; `pairs`: so many of them; the aim: median and maximum of the issue,
    in seconds."""

    name: str
    where: str
    wanted: int
    pairs: int
    median: float
    most: float
    is_receipt: bool = False


_FAST = "d.engine = 'postgresql' AND d.profile = 'fast'"
KINDS = (
    Kind(
        "PostgreSQL synchronous, fast",
        f"{_FAST} AND d.durability = 'synchronous'",
        30, 2, 8, 12,
    ),
    Kind(
        "PostgreSQL asynchronous, fast",
        f"{_FAST} AND d.durability = 'asynchronous'",
        10, 1, 8, 12,
    ),
    Kind("Valkey, fast", "d.engine = 'valkey'", 10, 1, 8, 12),
    Kind("PostgreSQL synchronous, standard", "d.profile = 'standard'", 10, 1, 40, 40),
    Kind(
        "PostgreSQL synchronous, receipt",
        f"{_FAST} AND d.durability = 'synchronous'",
        10, 2, 5, 5,
        is_receipt=True,
    ),
)  # fmt: skip


def said(one: Line) -> str:
    """One kill in a line."""
    phases = one["phases"]
    assert isinstance(phases, Mapping)
    told = ", ".join(f"{name} {at}" for name, at in phases.items())
    came = one["failed"] or f"served after {one['served']} s by {one.get('by')}"
    return f"{one['database']} on {one['host']} ({one['kind']}): {came}; {told}; lost {one['lost']}"


def report(ours: Sequence[Line], patronis: Sequence[Line]) -> bool:
    """The table, printed; whether every kill of Tocsin's was served and nothing synchronous was
    lost."""
    head = "SIGKILL → first acknowledged write, s"
    print(f"\n{head:<52}kills failed  median  maximum  aim      lost")
    ok = True
    for kind in KINDS:
        lines = [one for one in ours if one["kind"] == kind.name]
        _row(kind.name, lines, f"≤ {kind.median:g}/{kind.most:g}")
        lost = sum(int(str(one["lost"])) for one in lines)
        is_synchronous = "asynchronous" not in kind.name and "PostgreSQL" in kind.name
        ok = ok and not any(one["failed"] for one in lines) and not (lost and is_synchronous)
    for name in TERMS:
        _row(name, [one for one in patronis if one["kind"] == name], "")
    return ok


def _row(name: str, lines: Sequence[Line], aim: str) -> None:
    served = [float(str(one["served"])) for one in lines if not one["failed"]]
    lost = sum(int(str(one["lost"])) for one in lines)
    figures = (
        f"{statistics.median(served):7.2f} {max(served):8.2f}" if served else f"{'-':>7} {'-':>8}"
    )
    failed = len(lines) - len(served)
    print(f"{name:<52}{len(served):5} {failed:6} {figures}  {aim:<8} {lost:4}")
