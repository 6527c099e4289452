"""Watching a lease at the decider (B2, B3, B7). Pure; `now` is the decider's monotonic seconds.

Invariant: `has_ended` only when the holder's gate has been closed in real time, whatever clocks,
delays and orders of messages: the span counts from when *we* first saw the newest number, on our
clock, and begins anew whenever we may have missed one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from recovery.core.leases import LeaseRow
from recovery.failover.loss.track import NOTHING_TOLD, Track
from recovery.failover.terms import Terms


@dataclass(frozen=True, slots=True)
class LeaseWatch:
    """One lease as this decider has seen it; memory of the leader's process, never a row.

    A lease that was never renewed (`sequence` 0) does not end: its holder may be serving without
    having asked. `echo_at`: when the echo last moved, or nothing was outstanding. `track`: how far
    its holder had written, for the loss quote.
    """

    row: LeaseRow
    terms: Terms
    seen_at: float
    echo_at: float
    track: Track = NOTHING_TOLD

    @classmethod
    def begin(cls, row: LeaseRow, terms: Terms, now: float) -> LeaseWatch:
        """First sight: it may have been renewed this very moment."""
        return cls(row, terms, now, now, Track.begin(row, now))

    def note(self, row: LeaseRow, now: float) -> LeaseWatch:
        """The row as it is read now. Any change of its number starts the span again."""
        if row == self.row:
            return self
        mine, theirs = self._number, (row.epoch, row.incarnation, row.sequence)
        same = mine[:2] == theirs[:2]
        heard = row.echo > self.row.echo or not same
        return LeaseWatch(
            row,
            self.terms,
            now if theirs != mine else self.seen_at,
            now if heard else self.echo_at,
            self.track.note(row, now),
        )

    def regrace(self, now: float) -> LeaseWatch:
        """B3: at a start, on gaining leadership, after a tick gap, when the database behind us
        changed its identity: whatever we know may be old, so a whole span counts from now."""
        return replace(self, seen_at=now, echo_at=now, track=Track.begin(self.row, now))

    def wake(self, gap: float, tick: float, now: float) -> LeaseWatch:
        """After `gap` seconds without a look. What exceeds three ticks does not count, and after a
        whole span of sleep a whole span counts again (B3): a busy decider's timers still run, and
        one that slept with everybody around it ends nobody's lease for that."""
        if gap > self.terms.span:
            return self.regrace(now)
        late = overslept(gap, tick)
        seen_at, echo_at = min(now, self.seen_at + late), min(now, self.echo_at + late)
        return replace(self, seen_at=seen_at, echo_at=echo_at) if late else self

    @property
    def _number(self) -> tuple[int, int, int]:
        return self.row.epoch, self.row.incarnation, self.row.sequence

    @property
    def ends_at(self) -> float:
        return self.seen_at + self.terms.span

    def left(self, now: float) -> float:
        return max(0.0, self.ends_at - now)

    def has_ended(self, now: float) -> bool:
        """Nobody writes by this lease any more; a *proof* only together with its revocation, in
        one transaction that locked the row and found this very number in it (B1)."""
        return self.row.sequence > 0 and now >= self.ends_at

    def silence(self, now: float) -> float:
        """Seconds since the newest renewal was first seen."""
        return now - self.seen_at

    @property
    def is_deaf(self) -> bool:
        """Renewals came for 3 H while their echo stood still: our grants do not arrive (B7).

        The gateway has stopped granting by itself (`core.leases.EchoWatch`); here it is the
        sentence on the page. The lease ends by standing still, like any other."""
        return self.seen_at - self.echo_at >= 3 * self.terms.every


def overslept(gap: float, tick: float) -> float:
    """How much of the time between two looks does not count."""
    return max(0.0, gap - 3 * tick)


def needs_regrace(*, is_new: bool, database_changed: bool) -> bool:
    """B3. `is_new`: this decider has just started or gained leadership."""
    return is_new or database_changed
