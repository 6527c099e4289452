"""One database on two or three hosts, its control plane, its users: run under a seed.

The checkers stand where things happen: two that accept writes at once (I-DB-1) is looked at
whenever one begins to; a lost acknowledgement (I-DB-2) at each promotion and each later
acknowledgement; a proof (I-DB-4) at each order to promote; epochs (I-DB-3) at each promotion.
"""

from __future__ import annotations

from recovery.failover.chosen import Quote
from recovery.failover.facts import Failover, Step
from recovery.failover.terms import FAST, Terms
from recovery.inventory.facts import Role
from tests.simulation.failover.decider import Decider
from tests.simulation.failover.ground import Chances, Clock, Ground
from tests.simulation.failover.host import Host
from tests.simulation.failover.plane import Plane
from tests.simulation.failover.server import Server

WRITES = 0.25
"""Seconds between two writes of a client."""
FASTEST = 0.8 * WRITES
"""No two writes come closer."""
IS_ROUTED = [True]
"""Mutant M7: old connections reach any host, whatever the edge's route says."""


class World(Ground):
    """Everything warm: the primary has its lease, its standby is well."""

    def __init__(self, seed: int, chances: Chances, terms: Terms = FAST) -> None:
        super().__init__(seed, chances)
        self.terms = terms
        self.breaches: list[str] = []
        self.hosts: dict[str, Host] = {}
        for name in "ABC"[: chances.standbys + 1]:
            self.hosts[name] = Host(self, name, terms)
        self.routed, self.route_number = "A", 0
        self.written_epoch, self.written_at = 1, 0.0
        self.served_at = 0.0
        self.longest_gap = 0.0
        self.gaps_from = 0.0
        self.acked = 0
        self.acked_after: list[tuple[int, int]] = []
        self.forks: list[tuple[int, int, int]] = []
        """(epoch, position at which its history left the older one, the older timeline)."""
        self.quote: Quote | None = None
        self.quotes: list[tuple[Quote, int]] = []
        """Each with the acknowledged writes that were lost."""
        self.stalls_until = 0.0
        self.slowest = chances.slowest if chances.slow else 0.0
        self.plane = Plane(self, terms)
        self.deciders = [Decider(self.plane, "D1"), Decider(self.plane, "D2")]
        self._warm()

    def _warm(self) -> None:
        first = self.hosts["A"]
        first.role = Role.PRIMARY
        first.is_alone = not self.chances.synchronous
        first.lease = first._new_lease(1)
        for one in self.others(first):
            one.leader = "A"
            one.wal_at = 0.0
            first.confirmed[one.name] = 0, 0.0
        for host in self.hosts.values():
            host.start(0.001 + self.random() * 0.05)
            host.report()
        self.at(0.1, self.clients)
        self.at(0.2, self.deciders[0].tick, 1)
        self.at(0.3, self.deciders[1].tick, 1)

    # ------------------------------------------------------------ who is where

    def others(self, host: Server) -> list[Host]:
        return [one for one in self.hosts.values() if one is not host]

    def leader_of(self, epoch: int) -> Host | None:
        leader = self.hosts[self.plane.rows.database.primary]
        return leader if leader.role is Role.PRIMARY and leader.timeline > 1 else None

    def fork(self, timeline: int, older: int) -> int:
        """Up to where a history of `older` is also one of `timeline`."""
        position, found = 1 << 62, timeline
        for epoch, at, before in reversed(self.forks):
            if epoch == found and found != older:
                position, found = min(position, at), before
        return position if found == older else 0

    def clocks(self) -> list[Clock]:
        mine = [host.clock for host in self.hosts.values()]
        return [*mine, self.plane.clock, *(one.clock for one in self.deciders)]

    # ------------------------------------------------------------ the users

    def accepting(self, host: Host) -> bool:
        """Its users' writes get in: it accepts, and the edge leads there (or need not, M7)."""
        return host.accepts_writes() and self.reaches(host)

    def reaches(self, host: Server) -> bool:
        """A client's connection to it stands; the edge closed those that led elsewhere."""
        return not (self.chances.by_edge and IS_ROUTED[0]) or self.routed == host.name

    def clients(self) -> None:
        t = self.t
        self.at(t + WRITES * (0.8 + 0.4 * self.random()), self.clients)
        for host in self.hosts.values():
            if self.accepting(host):
                host.write()
            elif host.role is Role.PRIMARY and host.lives():
                host.stream()
        self.check()

    def route(self, number: int, name: str) -> None:
        """At the edge, newest wins: old connections are closed, new ones go there."""
        if number > self.route_number:
            self.routed, self.route_number = name, number
        self.check()

    # ------------------------------------------------------------ checkers

    def check(self) -> None:
        """I-DB-1."""
        able = [one.name for one in self.hosts.values() if self.accepting(one)]
        if len(able) > 1:
            self.breach(f"I-DB-1: {' and '.join(able)} accept writes at once")

    def breach(self, said: str) -> None:
        if len(self.breaches) < 5:
            self.breaches.append(f"{self.t:.3f} {said}")
        self.tell(f"BREACH {said}")

    def acknowledged(self, host: Server, position: int) -> None:
        """A client was told that everything up to `position` is safe."""
        t = self.t
        if position > self.acked or host.timeline > 1:
            gap = t - max(self.served_at, self.gaps_from)
            self.longest_gap = max(self.longest_gap, gap)
            self.served_at = t
            if host.epoch >= self.written_epoch:
                self.written_epoch, self.written_at = host.epoch, t
        self.acked = max(self.acked, position)
        later = [fork for fork in self.forks if fork[0] > host.timeline]
        if later and self.chances.synchronous and position > min(fork[1] for fork in later):
            self.breach(f"I-DB-2: {host.name} acknowledged {position} after the fork {later}")

    def promoted(self, host: Host, epoch: int) -> None:
        """I-DB-2 and I-DB-3 at the moment at which a history forks."""
        self.tell(f"{host.name} promoted at epoch {epoch}, position {host.position}")
        if any(epoch <= fork[0] for fork in self.forks):
            self.breach(f"I-DB-3: epoch {epoch} does not rise")
        lost = self.acked - host.position
        if lost > 0 and self.chances.synchronous:
            self.breach(f"I-DB-2: {lost} acknowledged writes are not on {host.name}")
        self._lost(max(0, lost))
        self.forks.append((epoch, host.position, host.timeline))
        self.acked = host.position

    def _lost(self, lost: int) -> None:
        """I-DB-2, asynchronous: no more is lost than was quoted, as far as one write can tell."""
        quote = self.quote
        if quote is None or self.chances.synchronous:
            return
        self.quotes.append((quote, lost))
        if quote.bound is not None and lost > quote.bound / FASTEST + 1:
            self.breach(f"I-DB-2: {lost} writes lost, quoted: {quote.said}")

    def quoted(self, step: Step) -> None:
        self.quote = step.election.quote if step.election else None

    def ordered(self, step: Step, failover: Failover) -> None:
        """I-DB-4: never without its proof, which is about the old epoch."""
        if step.proof is None or step.proof.epoch != failover.old_epoch:
            self.breach("I-DB-4: ordered to promote without a proof")

    def stalled(self) -> float:
        """Until when a decider sleeps that has just decided."""
        return min(self.t + self.random() * 9.0, max(self.t, self.stalls_until))

    def is_serving(self) -> bool:
        """Exactly one accepts writes, and its users reach it."""
        return sum(self.accepting(one) for one in self.hosts.values()) == 1
