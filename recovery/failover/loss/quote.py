"""What a promotion would lose (loss quote), from the primary's last words. Pure.

Invariant: `bound` holds whatever the primary did after its last word: it counts from the earliest
instant at which that word can have been read, until the gate was closed at the latest. Where
nothing shows either, it is None and the sentence says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from recovery.failover.chosen import Quote
from recovery.failover.facts import NEVER, Facts, Failover, ProofKind, ReplicaSight
from recovery.failover.loss.track import Track, Word
from recovery.failover.phases import Phase
from recovery.failover.terms import Terms
from recovery.failover.watch import LeaseWatch


@dataclass(frozen=True, slots=True)
class Loss:
    """The highest position that the primary ever told, `age` seconds ago at least.

    `stopped_at`: its gate was closed by then; `is_final`: a receipt says that `position` is where
    it stopped."""

    position: int
    age: float
    track: Track
    terms: Terms | None
    stopped_at: float
    is_final: bool = False

    def quote(self, candidate: ReplicaSight, *, is_safe: bool) -> Quote:
        """`is_safe`: synchronous and not degraded, so nothing acknowledged can be lost."""
        held = candidate.position
        behind = max(0, self.position - held)
        if is_safe or (self.is_final and not behind):
            kept = "that was acknowledged" if is_safe else "that was written before the gate closed"
            said = f"nothing {kept} is lost."
            return Quote(self.position, held, self.span(self.track.newest), 0.0, 0.0, said)
        word = self.track.held_by(held)
        bound = self.span(word)
        seconds = self._estimate(candidate, word, behind)
        said = f"{_likely(behind, seconds)} {_at_most(bound, is_final=self.is_final)}"
        return Quote(self.position, held, self.span(self.track.newest), seconds, bound, said)

    def span(self, word: Word | None) -> float | None:
        """From the earliest reading of this word until the gate was closed, on any clock."""
        if word is None or word.read_after is None or self.terms is None:
            return None
        seen = max(0.0, self.stopped_at - word.read_after)
        return seen * (1 + 2 * self.terms.drift) + self.terms.read_within

    def _estimate(self, candidate: ReplicaSight, word: Word | None, behind: int) -> float | None:
        """For how long its primary wrote what is known to be missing."""
        newest = self.track.newest
        if not behind:
            return 0.0
        if word is None or newest is None or newest is word:
            return self._lagged(candidate)
        return newest.seen_at - word.seen_at

    def _lagged(self, candidate: ReplicaSight) -> float | None:
        """Its lag, which it counts on while its primary is silent, without that silence; one that
        is shorter than the silence says nothing about it."""
        lag = candidate.lag
        if lag is None or NEVER in {self.age, candidate.age}:
            return lag
        silence = self.age - candidate.age
        return lag - silence if 0 < silence <= lag else lag


def _likely(behind: int, seconds: float | None) -> str:
    if not behind:
        return "it holds all that its primary told of, so most likely nothing is lost;"
    if seconds is None:
        return f"{behind} bytes of its primary's last word are missing, of an unknown time;"
    return (
        f"{behind} bytes of its primary's last word are missing, about {seconds:.1f} s of writes;"
    )


def _at_most(bound: float | None, *, is_final: bool) -> str:
    if bound is None:
        return "no bound can be given: nobody saw for how long its primary wrote on."
    if is_final:
        return f"at most the writes of the last {bound:.1f} s before the gate closed."
    return f"at most the writes of the last {bound:.1f} s, if its primary wrote on unseen."


def written(facts: Facts, source: ReplicaSight, now: float) -> Loss:
    """The newest of renewal, report and receipt. What we saw first after a take-over, or after
    the database behind us changed, has no age that we know: it is not young (B3)."""
    position, age = source.position, source.age
    stopped_at = _stopped_at(facts, now)
    watch = facts.lease
    if watch is None or watch.row.replica != source.replica:
        found = Loss(position, age, Track(), None, stopped_at)
    else:
        position = max(position, watch.track.highest)
        age = min(age, watch.silence(now))
        found = Loss(position, age, watch.track, watch.terms, stopped_at)
    final = _final(facts.failover)
    if final is None:
        return found
    return Loss(final, found.age, found.track, found.terms, stopped_at, is_final=True)


def _final(failover: Failover | None) -> int | None:
    proof = failover.proof if failover else None
    return proof.position if proof else None


def _stopped_at(facts: Facts, now: float) -> float:
    """By when nobody could write to the old primary any more; `now` where no proof is in hand."""
    failover = facts.failover
    if failover is None or failover.proof is None:
        return now
    since = now - failover.phase_age if failover.phase is Phase.ELECT else now
    if failover.proof.kind is ProofKind.LEASE_ENDED and _is_about(facts.lease, failover):
        assert facts.lease is not None
        return min(since, facts.lease.ends_at)
    return since


def _is_about(watch: LeaseWatch | None, failover: Failover) -> bool:
    return watch is not None and (watch.row.replica, watch.row.epoch) == (
        failover.source,
        failover.old_epoch,
    )
