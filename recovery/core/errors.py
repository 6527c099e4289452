"""The errors that people and agents get to read.

Invariant: whatever is refused says what was wrong, where, what was kept, and what to do.
"""

from __future__ import annotations


class TocsinError(Exception):
    """A refusal with its reason. `field` names the input at fault, `todo` the way on."""

    def __init__(self, message: str, *, field: str = "", kept: str = "", todo: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.kept = kept
        self.todo = todo

    def __str__(self) -> str:
        where = f"{self.field}: " if self.field else ""
        return " ".join(part for part in (f"{where}{self.message}", self.kept, self.todo) if part)


class Refused(TocsinError):
    """The rules forbid it: the reason is a sentence for an operator."""


class Forbidden(Refused):
    """This person may not: another one may."""


class Missing(Refused):
    """What is named is not there."""


class WrongState(Refused):
    """It is there, and in a state that allows it not: often somebody was first."""


class Incomplete(Refused):
    """What names the thing that is meant is missing, and it could be several."""


class Conflict(TocsinError):
    """Somebody was first: the row is no longer in the state that the caller saw."""


class Unsure(TocsinError):
    """It was asked for, and nobody answered: it may have been done, or be done yet."""


class NotLeader(TocsinError):
    """This controller's epoch is not the leader's; nothing was written (I-CP-1)."""


class BadMessage(TocsinError):
    """A frame or a datagram that breaks the protocol; it is counted and has no effect."""


class BadConfiguration(TocsinError):
    """A settings, lab or policy file that cannot be used; names file, line and field."""


def no_such(kind: str, number: int) -> Missing:
    """What has no row, by its number: DRP, INC, DEC."""
    if number < 1:
        said = f"Numbers begin at 1: there is no {kind} that has {number}."
        return Missing(said, field="number")
    return Missing(f"There is no {kind}-{number:04d}.", field="number")
