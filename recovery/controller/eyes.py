"""What the controllers' links heard of the fleet: the newest word of each gateway.

Invariant: an age only grows between two digests; a gateway that says nothing makes its view
old, it never makes a host silent (M12).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

import numpy as np

from recovery.gateway.digest import Digest, Seen, unpack_ages


@dataclass(slots=True)
class View:
    """One gateway as this controller knows it. Instants are this process's monotonic ones."""

    name: str
    hosts: list[str] = field(default_factory=list)
    ages: np.ndarray = field(default_factory=lambda: np.empty(0))
    sessions: bytes = b""
    boots: dict[str, bytes] = field(default_factory=dict)
    looks: dict[tuple[str, str], tuple[Seen, float]] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    heard: float = float("-inf")
    started: float = float("-inf")
    gap: float = 0.0

    def take(self, digest: Digest, now: float) -> None:
        """Note a digest that arrived at `now`."""
        if digest.hosts is not None:
            self.hosts = [host.hex() for host in digest.hosts]
        for index, boot in digest.boots:
            self.boots[self.hosts[index]] = boot
        for seen in digest.seen:
            self.looks[seen.target, seen.observer] = (seen, now - seen.age_ms / 1000)
        self.ages = unpack_ages(digest.ages)
        self.sessions = digest.sessions
        self.counters = digest.counters
        self.started = now - digest.running_ms / 1000
        self.gap = digest.gap_ms / 1000
        self.heard = now


@dataclass(frozen=True, slots=True)
class Look:
    """The newest look of one observer at one target; `began` is monotonic here."""

    target: str
    observer: str
    kernel: str
    answering: int
    asked: int
    began: float


@dataclass(frozen=True, slots=True)
class GatewaySight:
    """How well one gateway is heard."""

    name: str
    digest_age: float
    running: float
    gap: float


@dataclass(frozen=True, slots=True)
class Sight:
    """Everything that is seen at one instant: per host, the youngest age of any gateway."""

    hosts: tuple[str, ...]
    ages: np.ndarray
    boots: tuple[bytes, ...]
    looks: tuple[Look, ...]
    gateways: tuple[GatewaySight, ...]
    pause: float | None = None


class Eyes:
    """The views of all gateways, written by links, read by the judgement's thread.

    `pulse` tells a process that stood still (what it knows is old: B3) from a judgement that
    waited for a slow disk while the digests came in on time.
    """

    def __init__(self, gateways: Sequence[str]) -> None:
        self._lock = Lock()
        self._views = {name: View(name) for name in gateways}
        self._pulsed: float | None = None
        self._pause = 0.0

    def pulse(self, now: float) -> None:
        """The loop that takes the digests runs: several times a second."""
        with self._lock:
            self._pause = self._paused(now)
            self._pulsed = now

    def _paused(self, now: float) -> float:
        return max(self._pause, now - (now if self._pulsed is None else self._pulsed))

    def take(self, gateway: str, digest: Digest, now: float) -> None:
        """Note a digest of the gateway at this address."""
        with self._lock:
            self._views[gateway].take(digest, now)

    def forget(self, gateway: str) -> None:
        """The link broke: its directory will be told anew; its age goes on growing."""
        with self._lock:
            old = self._views[gateway]
            self._views[gateway] = View(gateway, heard=old.heard)

    def look(self, now: float) -> Sight:
        """One picture of all views, and the longest pause since the last one."""
        with self._lock:
            pause = None if self._pulsed is None else self._paused(now)
            self._pause = 0.0
            return replace(_merge(list(self._views.values()), now), pause=pause)


def _merge(views: Sequence[View], now: float) -> Sight:
    ages: dict[str, float] = {}
    boots: dict[str, bytes] = {}
    looks: dict[tuple[str, str], Look] = {}
    for view in views:
        waited = now - view.heard
        for host, age in zip(view.hosts, view.ages.tolist(), strict=True):
            if age + waited < ages.get(host, float("inf")):
                ages[host] = age + waited
                boots[host] = view.boots.get(host, b"")
            ages.setdefault(host, float("inf"))
        for key, (seen, began) in view.looks.items():
            if key not in looks or looks[key].began < began:
                looks[key] = Look(*key, seen.kernel, seen.answering, seen.asked, began)
    hosts = tuple(ages)
    return Sight(
        hosts=hosts,
        ages=np.array([ages[host] for host in hosts]),
        boots=tuple(boots.get(host, b"") for host in hosts),
        looks=tuple(looks.values()),
        gateways=tuple(GatewaySight(v.name, now - v.heard, now - v.started, v.gap) for v in views),
    )
