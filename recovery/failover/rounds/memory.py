"""What the leading controller carries from look to look about databases. Pure.

Invariant (B2, B3): every age counts on this process's monotonic clock, from when it first saw a
thing; what it has not seen change yet is of unknown age. A new leader begins a new one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from recovery.core.leases import LeaseRow
from recovery.failover.facts import NEVER
from recovery.failover.terms import Terms
from recovery.failover.watch import LeaseWatch


@dataclass(frozen=True, slots=True)
class Word:
    """The newest word about a replica: `count` of the row, when it was first seen, its position."""

    count: int
    at: float | None
    position: int

    def age(self, now: float) -> float:
        return NEVER if self.at is None else now - self.at


@dataclass(slots=True)
class Memory:
    """`shelter`: since when a database's standby could, or could not, take over; `since`: when
    anything else with a name was first seen as it is (a failover's phase, an order)."""

    leases: dict[str, LeaseWatch] = field(default_factory=dict)
    words: dict[str, Word] = field(default_factory=dict)
    claimed: dict[str, int] = field(default_factory=dict)
    shelter: dict[str, tuple[bool, float]] = field(default_factory=dict)
    since: dict[tuple[str, str], tuple[str, float]] = field(default_factory=dict)

    def note_lease(self, database: str, row: LeaseRow, terms: Terms, now: float) -> LeaseWatch:
        """The lease as it is read now."""
        known = self.leases.get(database)
        if known is None or known.terms != terms:
            watch = LeaseWatch.begin(row, terms, now)
        else:
            watch = known.note(row, now)
        self.leases[database] = watch
        return watch

    def note_words(
        self, primary: str, told: dict[str, tuple[int, int]], now: float
    ) -> dict[str, Word]:
        """(count, position) of each replica of one database as read now; each with its age.

        What a standby claimed before its primary's newest word is kept: nobody holds what was
        not written yet.
        """
        before = {key: self.words[key] for key in told if key in self.words}
        for key, (count, position) in told.items():
            known = before.get(key)
            if known is None:
                self.words[key] = Word(count, None, position)
            elif known.count != count:
                self.words[key] = Word(count, now, position)
        spoke = before.get(primary)
        if spoke is not None and spoke.count != told[primary][0]:
            for key, word in before.items():
                self.claimed[key] = max(self.claimed.get(key, 0), word.position)
        return {key: self.words[key] for key in told}

    def forget_claims(self, replicas: list[str]) -> None:
        """Another history begins with another primary."""
        for key in replicas:
            self.claimed.pop(key, None)

    def note_shelter(self, database: str, is_protected: bool | None, now: float) -> float:
        """For how long it has been so; None: nobody knows now, and the count begins anew."""
        if is_protected is None:
            self.shelter.pop(database, None)
            return 0.0
        known, since = self.shelter.get(database, (not is_protected, now))
        if known is not is_protected:
            since = now
        self.shelter[database] = (is_protected, since)
        return now - since

    def age_of(self, kind: str, key: str, state: str, now: float) -> float:
        """For how long this thing has been in this state, as far as was seen."""
        known, since = self.since.get((kind, key), ("", now))
        if known != state:
            since = now
        self.since[kind, key] = (state, since)
        return now - since

    def regrace(self, now: float) -> None:
        """B3: what we know may be old. Leases count a whole span from now; words are of unknown
        age until they change."""
        self.leases = {key: watch.regrace(now) for key, watch in self.leases.items()}
        self.words = {key: replace(word, at=None) for key, word in self.words.items()}
        self.shelter.clear()
