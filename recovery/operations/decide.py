"""The governor: one ledger for everything that moves. Pure.

Invariant (I-BR-2): starts in flight never exceed max(5 % of the containers, 10, one host's
containers) in the fleet, nor the limit of the receiving host. What waits says why: a silent
hold is a fault. Stops take no token: they free capacity and are wanted in any storm.
Databases have a ledger of their own, so that neither a promotion waits for containers nor the
other way round: promotions, rejoins and restores (which copy) are paced; questions, fences and
restarts in place take no token.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from recovery.operations.facts import Verb


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may move at once."""

    share_of_containers: float = 0.05
    at_least: int = 10
    per_host: int = 4
    per_datacenter: int = 40
    promotions: int = 20
    promotions_per_host: int = 4
    rejoins: int = 10
    rejoins_per_host: int = 1
    restores: int = 10
    restores_per_host: int = 1


@dataclass(frozen=True, slots=True)
class Waiting:
    """An operation that asks for a token. Higher `urgency` goes first."""

    operation: str
    verb: Verb
    host: str
    datacenter: str
    urgency: int
    asked: float


@dataclass(frozen=True, slots=True)
class Flying:
    """An operation in flight."""

    verb: Verb
    host: str
    datacenter: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """`containers`: running in the fleet; `largest_host`: most containers on one host. `frozen`:
    verbs that wait, each with why; `despite`: operations that go in a pause, or although their verb
    is frozen, by the authority of a recovery plan."""

    flying: tuple[Flying, ...]
    containers: int
    largest_host: int
    paused: str = ""
    frozen: Mapping[Verb, str] = field(default_factory=dict)
    despite: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Admission:
    """Who may go now, and why each other one waits."""

    admitted: tuple[str, ...]
    waiting: tuple[tuple[str, str], ...]


def admit(asking: Sequence[Waiting], ledger: Ledger, limits: Limits) -> Admission:
    """Most urgent first, then longest waiting; deterministic by id."""
    counters = _Counters(ledger, limits)
    admitted: list[str] = []
    waiting: list[tuple[str, str]] = []
    for item in sorted(asking, key=lambda w: (-w.urgency, w.asked, w.operation)):
        if reason := _paused(item, ledger) or counters.refusal(item):
            waiting.append((item.operation, reason))
        else:
            counters.take(item)
            admitted.append(item.operation)
    return Admission(tuple(admitted), tuple(waiting))


def _paused(item: Waiting, ledger: Ledger) -> str:
    if item.operation in ledger.despite:
        return ""
    if ledger.paused:
        return f"Everything is paused: {ledger.paused}"
    return ledger.frozen.get(item.verb, "")


class _Counters:
    """Tokens taken so far, by fleet, datacenter and host."""

    def __init__(self, ledger: Ledger, limits: Limits) -> None:
        starts = [f for f in ledger.flying if f.verb is Verb.START]
        self.limits = limits
        self.acts = Counter(f.verb for f in ledger.flying)
        self.acts_of = Counter((f.verb, f.host) for f in ledger.flying)
        self.paced = {
            Verb.PROMOTE: ("promotions", limits.promotions, limits.promotions_per_host),
            Verb.REJOIN: ("rejoins", limits.rejoins, limits.rejoins_per_host),
            Verb.RESTORE: ("restores", limits.restores, limits.restores_per_host),
        }
        self.fleet = len(starts)
        self.hosts = Counter(f.host for f in starts)
        self.sites = Counter(f.datacenter for f in starts)
        self.fleet_limit = max(
            int(limits.share_of_containers * ledger.containers),
            limits.at_least,
            ledger.largest_host,
        )

    def refusal(self, item: Waiting) -> str:
        if item.verb is not Verb.START:
            return self._act_refusal(item)
        if self.fleet >= self.fleet_limit:
            return f"{self.fleet} starts are in flight, at most {self.fleet_limit} in the fleet."
        if self.sites[item.datacenter] >= self.limits.per_datacenter:
            return f"{self.limits.per_datacenter} starts are in flight in this datacenter."
        if self.hosts[item.host] >= self.limits.per_host:
            return f"{self.limits.per_host} starts are in flight on this host."
        return ""

    def _act_refusal(self, item: Waiting) -> str:
        if item.verb not in self.paced:
            return ""
        name, fleet, host = self.paced[item.verb]
        if self.acts[item.verb] >= fleet:
            return f"{fleet} {name} are in flight in the fleet."
        if self.acts_of[item.verb, item.host] >= host:
            return f"{host} {name} are in flight on this host."
        return ""

    def take(self, item: Waiting) -> None:
        self.acts[item.verb] += 1
        self.acts_of[item.verb, item.host] += 1
        if item.verb is Verb.START:
            self.fleet += 1
            self.hosts[item.host] += 1
            self.sites[item.datacenter] += 1
