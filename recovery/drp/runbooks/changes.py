"""How one text of a runbook differs from another, line by line, for a person who decides. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

AROUND = 3
"""Lines that stay and are shown on either side of a change."""


@dataclass(frozen=True, slots=True)
class Line:
    """`mark`: `+` is new, `-` is gone, empty stays, `…` stands for lines that are not shown.
    `old`, `new`: its number in either text, 0 where it is in one alone."""

    mark: str
    old: int
    new: int
    text: str


def changes(before: str, after: str) -> tuple[Line, ...]:
    """Nothing where both are the same; the whole of it where there was nothing before."""
    old, new = before.splitlines(), after.splitlines()
    if old == new:
        return ()
    found: list[Line] = []
    for group in SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(AROUND):
        start = group[0][1]
        if start > (found[-1].old if found else 0):
            found.append(Line("…", 0, 0, ""))
        for tag, i, upto_i, j, upto_j in group:
            if tag == "equal":
                found += [Line("", at + 1, at + 1 - i + j, old[at]) for at in range(i, upto_i)]
                continue
            found += [Line("-", at + 1, 0, old[at]) for at in range(i, upto_i)]
            found += [Line("+", 0, at + 1, new[at]) for at in range(j, upto_j)]
    return tuple(found)


def counted(lines: tuple[Line, ...]) -> tuple[int, int]:
    """(lines that are new, lines that are gone)"""
    marks = [line.mark for line in lines]
    return marks.count("+"), marks.count("-")


def numbered(text: str) -> Iterator[tuple[int, str]]:
    """As editors count."""
    yield from enumerate(text.splitlines(), start=1)
