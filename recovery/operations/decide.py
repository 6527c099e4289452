"""The governor: one ledger for everything that moves. Pure.

Invariant (I-BR-2): starts in flight never exceed max(5 % of the containers, 10, one host's
containers) in the fleet, nor the limit of the receiving host. What waits says why: a silent
hold is a fault. Stops take no token: they free capacity and are wanted in any storm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from recovery.operations.facts import Verb


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may move at once."""

    share_of_containers: float = 0.05
    at_least: int = 10
    per_host: int = 4
    per_datacenter: int = 40


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
    """`containers`: running in the fleet; `largest_host`: most containers on one host."""

    flying: tuple[Flying, ...]
    containers: int
    largest_host: int
    paused: str = ""


@dataclass(frozen=True, slots=True)
class Admission:
    """Who may go now, and why each other one waits."""

    admitted: tuple[str, ...]
    waiting: tuple[tuple[str, str], ...]


def admit(asking: Sequence[Waiting], ledger: Ledger, limits: Limits) -> Admission:
    """Most urgent first, then longest waiting; deterministic by id."""
    if ledger.paused:
        reason = f"Everything is paused: {ledger.paused}"
        return Admission((), tuple((w.operation, reason) for w in asking))
    counters = _Counters(ledger, limits)
    admitted: list[str] = []
    waiting: list[tuple[str, str]] = []
    for item in sorted(asking, key=lambda w: (-w.urgency, w.asked, w.operation)):
        if reason := counters.refusal(item):
            waiting.append((item.operation, reason))
        else:
            counters.take(item)
            admitted.append(item.operation)
    return Admission(tuple(admitted), tuple(waiting))


class _Counters:
    """Tokens taken so far, by fleet, datacenter and host."""

    def __init__(self, ledger: Ledger, limits: Limits) -> None:
        starts = [f for f in ledger.flying if f.verb is Verb.START]
        self.limits = limits
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
            return ""
        if self.fleet >= self.fleet_limit:
            return f"{self.fleet} starts are in flight, at most {self.fleet_limit} in the fleet."
        if self.sites[item.datacenter] >= self.limits.per_datacenter:
            return f"{self.limits.per_datacenter} starts are in flight in this datacenter."
        if self.hosts[item.host] >= self.limits.per_host:
            return f"{self.limits.per_host} starts are in flight on this host."
        return ""

    def take(self, item: Waiting) -> None:
        if item.verb is Verb.START:
            self.fleet += 1
            self.hosts[item.host] += 1
            self.sites[item.datacenter] += 1
