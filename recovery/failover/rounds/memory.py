"""What the leading controller carries from look to look about databases. Pure.

Invariant (B2, B3): every age counts on this process's monotonic clock, from when it first saw a
thing; what it has not seen change yet is of unknown age. A new leader begins a new one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from recovery.core.leases import LeaseRow
from recovery.failover.facts import NEVER
from recovery.failover.terms import FAST, Terms
from recovery.failover.watch import LeaseWatch, overslept

LONGEST_SLEEP = FAST.span
"""After a longer one of ours, what agents said before it is of unknown age."""
MOST_CLAIMS = 32
"""Of one replica whose primary is silent; more are folded into the later one."""
NOTHING = (0, 0, 0)
Number = tuple[int, int, int]
"""Of a lease: its epoch, the life of its holder's agent, its sequence."""


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
    """`claims`: what each replica claimed, and the number of its primary's lease as it was read
    after that; `claimed`: the most that it claimed before a look of its primary that showed less;
    `histories`: whose history these belong to. `shelter`: since when a database's standby could, or
    could not, take over; `since`: when anything else with a name was first seen as it is (a
    failover's phase, an order)."""

    leases: dict[str, LeaseWatch] = field(default_factory=dict)
    words: dict[str, Word] = field(default_factory=dict)
    claims: dict[str, list[tuple[Number, int]]] = field(default_factory=dict)
    claimed: dict[str, int] = field(default_factory=dict)
    histories: dict[str, tuple[str, int]] = field(default_factory=dict)
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
        self,
        database: str,
        history: tuple[str, int],
        told: dict[str, tuple[int, int]],
        now: float,
        *,
        lease: Number = NOTHING,
        granted: Number = NOTHING,
    ) -> dict[str, Word]:
        """(count, position) of each replica of one database as read now; each with its age.
        `history`: its primary and that one's timeline; another one begins without any claim.
        `lease`: its number as it was read after these words; `granted`: the newest grant that its
        primary had before the look that its word is of.

        Nobody holds what was not written yet. No word has a time that others share, and each may
        have been under way for any time: but a look that came after a grant which was not given yet
        when a claim was read came after that claim.
        """
        if self.histories.get(database) != history:
            self.histories[database] = history
            self._forget_claims(told)
        for key, (count, position) in told.items():
            known = self.words.get(key)
            if known is None or known.count != count:
                at = None if known is None else now
                self.words[key] = Word(count, at, position)
                if key != history[0]:
                    self._note_claim(key, position, lease)
        if history[0] in told:
            self._settle_claims(told, granted, told[history[0]][1])
        return {key: self.words[key] for key in told}

    def _note_claim(self, key: str, position: int, lease: Number) -> None:
        claims = self.claims.setdefault(key, [])
        claims.append((lease, position))
        if len(claims) > MOST_CLAIMS:
            (_, first), (number, second) = claims[:2]
            claims[:2] = [(number, max(first, second))]

    def _settle_claims(self, keys: Iterable[str], granted: Number, written: int) -> None:
        """What was claimed before the primary's look is held against it, once."""
        life, number = granted[:2], granted[2]
        for key in keys:
            claims = self.claims.get(key, [])
            old = [p for at, p in claims if at[:2] == life and 0 < at[2] < number]
            if not old:
                continue
            if max(old) > written:
                self.claimed[key] = max(self.claimed.get(key, 0), *old)
            self.claims[key] = [c for c in claims if not (c[0][:2] == life and c[0][2] < number)]

    def _forget_claims(self, keys: Iterable[str]) -> None:
        """Another history begins with another primary, or with its new timeline."""
        for key in keys:
            self.claims.pop(key, None)
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

    def wake(self, gap: float, tick: float, now: float) -> None:
        """After `gap` seconds without a look: our own sleep is nobody's silence."""
        late = overslept(gap, tick)
        if not late:
            return
        self.leases = {key: watch.wake(gap, tick, now) for key, watch in self.leases.items()}
        if gap > LONGEST_SLEEP:
            self.words = {key: replace(word, at=None) for key, word in self.words.items()}
            self.shelter.clear()
            return
        self.shelter = {k: (known, since + late) for k, (known, since) in self.shelter.items()}
