"""What the clients at both sides were told, and what must not be among it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple


class Tenure(NamedTuple):
    """One server's time as primary: `mark` is a timeline, or a replication id."""

    database: str
    host: str
    mark: str


class Ack(NamedTuple):
    """One acknowledged write. `done`: when the server itself did it, by the machine's clock, which
    no schedule steps; `way`: how the client came."""

    number: int
    tenure: Tenure
    done: float
    received: float
    way: str


@dataclass(frozen=True, slots=True)
class Overlap:
    """A server did acknowledged writes after a later primary had done its first."""

    older: Tenure
    newer: Tenure
    seconds: float
    writes: int
    ways: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"two primaries of {self.older.database}: {self.older.host} ({self.older.mark}) did"
            f" {self.writes} acknowledged writes until {self.seconds:.3f} s after"
            f" {self.newer.host} ({self.newer.mark}) had done its first; {', '.join(self.ways)}"
        )


def overlaps(acks: Iterable[Ack]) -> list[Overlap]:
    """Every pair of tenures of one database that lay in one another.

    A tenure begins with its first acknowledged write; whatever an earlier one does after that is
    a second primary (I-DB-1).
    """
    by_tenure: dict[Tenure, list[Ack]] = {}
    for ack in acks:
        by_tenure.setdefault(ack.tenure, []).append(ack)
    in_order = sorted(by_tenure, key=lambda one: min(ack.done for ack in by_tenure[one]))
    return [
        found
        for place, newer in enumerate(in_order)
        for older in in_order[:place]
        if older.database == newer.database
        and (found := _overlap(by_tenure[older], by_tenure[newer])) is not None
    ]


def _overlap(older: Sequence[Ack], newer: Sequence[Ack]) -> Overlap | None:
    began = min(ack.done for ack in newer)
    late = [ack for ack in older if ack.done > began]
    if not late or older[0].tenure.host == newer[0].tenure.host:
        return None
    return Overlap(
        older[0].tenure,
        newer[0].tenure,
        max(ack.done for ack in late) - began,
        len(late),
        tuple(sorted({ack.way for ack in late})),
    )


def longest_gap(acks: Iterable[Ack]) -> float:
    """Seconds without an acknowledgement, wherever it came from."""
    told = sorted(ack.received for ack in acks)
    return max((after - before for before, after in pairwise(told)), default=0.0)
