"""What a server says of itself, as its agent reports it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from recovery.core.ports import ServerFacts
from recovery.core.wire import ReplicaFact


def with_sight(fact: ReplicaFact, seen: ServerFacts) -> ReplicaFact:
    """The fact with what the server itself says."""
    return msgspec.structs.replace(
        fact,
        is_writable=seen.is_writable,
        version=seen.version,
        system=seen.system,
        timeline=seen.timeline,
        position=seen.position,
        lag_ms=seen.lag_ms,
        follows=seen.follows,
        standbys=seen.standbys,
        settings=dict(seen.settings),
        cancelled_waits=seen.cancelled_waits,
        detail=fact.detail or seen.detail[:300],
    )


def matters(fact: ReplicaFact) -> tuple[object, ...]:
    """What is told at once when it changes; the rest waits for its second."""
    streaming = tuple((each.replica, each.is_streaming) for each in fact.standbys)
    told = (fact.state, fact.role, fact.epoch, fact.is_writable, fact.gate, fact.follows)
    return (*told, fact.promised_ms > 0, fact.alone, fact.adopted, fact.detail, streaming)


@dataclass(frozen=True, slots=True)
class Following:
    """For how long a standby has followed without a break: from `since` to the newest look at
    which it did. Invariant (I-DB-6): the end of its primary makes it no worse than it was at that
    moment; once it follows again, the count begins anew."""

    since: float = 0.0
    until: float = 0.0
    is_on: bool = False

    def look(self, *, is_streaming: bool, is_running: bool, now: float) -> Following:
        """After another look. Whose own server ended has followed for no time at all."""
        if not is_running:
            return Following()
        if not is_streaming:
            return replace(self, is_on=False)
        return Following(self.since if self.is_on else now, now, is_on=True)

    @property
    def seconds(self) -> float:
        return self.until - self.since
