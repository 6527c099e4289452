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

UNDER_WAY = 5.0
"""Two agents' words may arrive in another order than they were spoken in, by so many seconds."""
LONGEST_SLEEP = FAST.span
"""After a longer one of ours, what agents said before it is of unknown age."""
MOST_CLAIMS = 32
"""Of one replica whose primary is silent; more are folded into the later one."""


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
    """`claims`: what each replica claimed, and when that was first seen; `claimed`: the most that
    it claimed before its primary's newest word; `histories`: whose history these belong to.
    `shelter`: since when a database's standby could, or could not, take over; `since`: when
    anything else with a name was first seen as it is (a failover's phase, an order)."""

    leases: dict[str, LeaseWatch] = field(default_factory=dict)
    words: dict[str, Word] = field(default_factory=dict)
    claims: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
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
        is_silent: bool = False,
    ) -> dict[str, Word]:
        """(count, position) of each replica of one database as read now; each with its age.
        `history`: its primary and that one's timeline; another one begins without any claim.
        `is_silent`: the primary's server says nothing, its agent repeats the last word.

        What a standby claimed long enough before its primary's newest word is kept: nobody holds
        what was not written yet.
        """
        if self.histories.get(database) != history:
            self.histories[database] = history
            self._forget_claims(told)
        primary = history[0]
        before = self.words.get(primary)
        is_new = before is not None and primary in told and before.count != told[primary][0]
        for key, (count, position) in told.items():
            known = self.words.get(key)
            if known is None or known.count != count:
                at = None if known is None else now
                self.words[key] = Word(count, at, position)
                self._note_claim(key, position, now)
        if is_new and not is_silent:
            self._settle_claims(told, now - UNDER_WAY)
        return {key: self.words[key] for key in told}

    def _note_claim(self, key: str, position: int, now: float) -> None:
        claims = self.claims.setdefault(key, [])
        claims.append((now, position))
        if len(claims) > MOST_CLAIMS:
            (_, first), (at, second) = claims[:2]
            claims[:2] = [(at, max(first, second))]

    def _settle_claims(self, keys: Iterable[str], before: float) -> None:
        """What was claimed before this instant is compared with the primary's word."""
        for key in keys:
            claims = self.claims.get(key, [])
            old = [position for at, position in claims if at <= before]
            self.claimed[key] = max([self.claimed.get(key, 0), *old])
            self.claims[key] = [claim for claim in claims if claim[0] > before]

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
