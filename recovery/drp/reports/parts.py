"""What sections of a report are made of. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from recovery.drp.facts import Mode
from recovery.drp.reports.document import Run
from recovery.drp.reports.words import NOT_KNOWN, clock

MOST_ROWS = 200
"""Of services and operations that are shown; the file has all."""


@dataclass(frozen=True, slots=True)
class Row:
    """`tone`: how it stands out, empty where all is well."""

    cells: tuple[str, ...]
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Facts, or a table; `note`: what is said beside the title, `empty`: where there is no row."""

    title: str
    note: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    empty: str = ""


def when(moment: datetime | None) -> str:
    return NOT_KNOWN if moment is None else clock(moment)


def places(run: Run) -> list[tuple[str, str]]:
    """Nothing is lost, or silent, where people leave a datacenter that serves."""
    if run.mode == Mode.PLANNED:
        return [("Left, taken over by", f"{run.lost}, {run.into}")]
    return [("Lost, taken over by", f"{run.lost}, {run.into}"), ("Silent since", when(run.lost_at))]


def said_or(text: str, instead: str = "nothing was written") -> str:
    return text or instead


def in_a_row(texts: Sequence[str]) -> str:
    return "; ".join(text.rstrip(".") for text in texts) or "nothing was written"
