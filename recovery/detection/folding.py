"""Which row a situation of this moment belongs to. Pure.

Invariant: a row only grows: one that shares a host with a wider situation becomes it, and later
ones that it swallows are closed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from recovery.detection.situations import Scope, Situation

_WIDTH = {scope: at for at, scope in enumerate(Scope)}


@dataclass(frozen=True, slots=True)
class OpenRow:
    """An open row, in the order of their opening."""

    row: str
    key: str
    scope: Scope
    hosts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Fold:
    """What to do: `row` is None for a new one; `swallowed` rows end in this one."""

    situation: Situation
    row: str | None
    keeps_key: bool
    swallowed: tuple[str, ...]


def fold(
    situations: Sequence[Situation], rows: Sequence[OpenRow]
) -> tuple[tuple[Fold, ...], tuple[str, ...]]:
    """The folds, and the rows none of whose hosts is in trouble any more."""
    swallowed: set[str] = set()
    taken: set[str] = set()
    folds = []
    for situation in situations:
        if situation.scope is Scope.BLIND:
            continue
        sharing = [row for row in rows if row.row not in swallowed and _share(row, situation)]
        if not sharing:
            folds.append(Fold(situation, None, False, ()))
            continue
        first = sharing[0]
        others = tuple(row.row for row in sharing[1:] if row.row not in taken)
        swallowed.update(others)
        narrower = first.row in taken or _WIDTH[situation.scope] <= _WIDTH[first.scope]
        taken.add(first.row)
        folds.append(Fold(situation, first.row, narrower, others))
    over = tuple(row.row for row in rows if row.row not in taken | swallowed)
    return tuple(folds), over


def closing(folds: Sequence[Fold], over: Collection[str]) -> set[str]:
    """Rows that end, and those that take others in."""
    joined = [(one.row, *one.swallowed) for one in folds if one.swallowed]
    return {*over, *(pk for pks in joined for pk in pks if pk is not None)}


def _share(row: OpenRow, situation: Situation) -> bool:
    return row.key == situation.key or not row.hosts.isdisjoint(situation.hosts)
