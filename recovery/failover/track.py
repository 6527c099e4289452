"""How far a primary had written, and when at the earliest it read that. Pure; the decider's clock.

Invariant: `read_after` is never later than the true instant of the reading. A renewal carries the
newest grant that its sender had (its echo, B7), and a grant follows the commit of its number: so
it was sent after whatever we saw of the row while its number was still below that echo. What was
seen before we may have missed something (B3) proves nothing of that kind.
"""

from __future__ import annotations

from dataclasses import dataclass

from recovery.core.leases import LeaseRow

KEPT = 64
"""Half a minute of the fast profile: a candidate further behind is refused by its lag."""


@dataclass(frozen=True, slots=True)
class Word:
    """One renewal: how far its sender had written; `read_after` None: nobody can tell."""

    number: tuple[int, int, int]
    position: int
    seen_at: float
    read_after: float | None


@dataclass(frozen=True, slots=True)
class Track:
    """The newest words of one replica, oldest first."""

    replica: str = ""
    words: tuple[Word, ...] = ()

    @classmethod
    def begin(cls, row: LeaseRow, now: float) -> Track:
        """First sight: it may have been on its way for long."""
        return cls(row.replica).note(row, now)

    def note(self, row: LeaseRow, now: float) -> Track:
        """The row as it is read now."""
        if row.replica != self.replica:
            return Track.begin(row, now)
        number = row.epoch, row.incarnation, row.sequence
        if not row.sequence or (self.words and self.words[-1].number == number):
            return self
        word = Word(number, row.position, now, self._before(number, row.echo))
        return Track(self.replica, (*self.words[1 - KEPT :], word))

    def _before(self, number: tuple[int, int, int], echo: int) -> float | None:
        """The newest sight of the row before the echoed grant can have been given."""
        for word in reversed(self.words):
            if word.number[:2] == number[:2] and word.number[2] < echo:
                return word.seen_at
        return None

    def held_by(self, position: int) -> Word | None:
        """The newest word of which somebody who holds up to `position` has all. A server that
        did not answer is told as 0, and that says nothing."""
        for word in reversed(self.words):
            if 0 < word.position <= position:
                return word
        return None

    @property
    def highest(self) -> int:
        return max((word.position for word in self.words), default=0)

    @property
    def newest(self) -> Word | None:
        return self.words[-1] if self.words else None


NOTHING_TOLD = Track()
