"""What a promotion would lose (loss quote), from the primary's last word. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from recovery.failover.facts import Facts, Quote, ReplicaSight


@dataclass(frozen=True, slots=True)
class Loss:
    """The highest position the primary ever told, and for how long it may have written after:
    `age` is at most the lease, for then its gate was closed."""

    position: int
    age: float

    def quote(self, candidate: ReplicaSight, *, is_safe: bool) -> Quote:
        """`is_safe`: synchronous and not degraded, so nothing acknowledged can be lost."""
        behind = self.position - candidate.position
        if is_safe:
            said = "nothing that was acknowledged is lost."
            return Quote(self.position, candidate.position, self.age, 0.0, said)
        unknown = f"what was written in up to {self.age:.1f} s after that word is not known."
        if behind <= 0:
            said = f"it holds all that its primary told of; {unknown}"
            return Quote(self.position, candidate.position, self.age, 0.0, said)
        span = "an unknown time" if candidate.lag is None else f"{candidate.lag:.1f} s"
        said = f"{behind} bytes or {span} of its primary's last word are missing; {unknown}"
        return Quote(self.position, candidate.position, self.age, candidate.lag, said)


def written(facts: Facts, source: ReplicaSight, now: float) -> Loss:
    """The newest of renewal and report. A renewal's age counts from our first sight of it."""
    position, age = source.position, source.age
    if (watch := facts.lease) is not None and watch.row.replica == source.replica:
        position = max(position, watch.row.position)
        age = min(age, watch.silence(now), watch.terms.length)
    return Loss(position, age)
