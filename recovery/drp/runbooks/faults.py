"""What is wrong with a runbook, for the person who wrote it: place, what, what is allowed, what to
do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recovery.core.errors import TocsinError


@dataclass(frozen=True, slots=True)
class Place:
    """Counted from one, as editors do."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. `where`: the field, as `steps[2].timeout`."""

    file: str
    place: Place
    where: str
    wrong: str
    allowed: str = ""
    todo: str = ""

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        at = f"{self.file}, line {self.place.line}, column {self.place.column}: "
        allowed = f"Allowed: {self.allowed}." if self.allowed else ""
        return " ".join(part for part in (f"{at}{where}{self.wrong}", allowed, self.todo) if part)


class BadRunbook(TocsinError):
    """A runbook that is not taken; `faults` in the order of the file."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda one: (one.place.line, one.place.column)))
        super().__init__(
            "\n".join(str(fault) for fault in self.faults),
            kept="The version that is active stays active.",
        )
