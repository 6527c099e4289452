"""What a server says of itself, as its agent reports it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from recovery.core.ports import ServerFacts
from recovery.core.wire import ReplicaFact


def with_sight(
    fact: ReplicaFact, seen: ServerFacts, after: tuple[int, int, int] = (0, 0, 0)
) -> ReplicaFact:
    """The fact with what the server itself says. `after`: epoch, life of the agent and number of
    the grant that its look came after; of another epoch it orders nothing."""
    _, incarnation, granted = after if after[0] == fact.epoch else (0, 0, 0)
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
        granted=granted,
        incarnation=incarnation,
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
    moment, and no better: a connection to a host that is gone stands for seconds, and only what
    came over it counts. Once it follows again, the count begins anew."""

    since: float = 0.0
    until: float = 0.0
    is_on: bool = False

    def look(
        self, *, is_streaming: bool | None, is_running: bool, now: float, unheard: float = 0.0
    ) -> Following:
        """After another look. Whose own server ended has followed for no time at all; one look
        without an answer (None) says neither. `unheard`: seconds since its primary's last word."""
        if not is_running:
            return Following()
        if is_streaming is None:
            return self
        if not is_streaming:
            return replace(self, is_on=False)
        since = self.since if self.is_on else now
        last = self.until if self.is_on else now
        return Following(since, max(last, now - unheard), is_on=True)

    @property
    def seconds(self) -> float:
        return self.until - self.since


LOOK_SECONDS = 2.0
"""What one look may take."""
SILENT_SECONDS = 3 * LOOK_SECONDS
"""Silent for so long, a server that runs is as one that does not: one look may be its host's."""


@dataclass(frozen=True, slots=True)
class Silence:
    """The looks in a row that a running server did not answer, since the first of them began.

    Invariant: each counts for no more than a look may take, so that a sleep of the whole host
    during one of them is one look unanswered and no long silence."""

    since: float = 0.0
    looks: int = 0
    seconds: float = 0.0

    def miss(self, began: float, now: float) -> Silence:
        """After one more."""
        since, looks = (self.since if self.looks else began), self.looks + 1
        return Silence(since, looks, min(now - since, looks * LOOK_SECONDS))

    @property
    def said(self) -> str:
        """For people; nothing where it answers."""
        if not self.looks:
            return ""
        times = "look" if self.looks == 1 else "looks in a row"
        span = f"{self.seconds:.1f} s ({self.looks} {times})"
        return f"its process runs, and it has not answered for {span}"
