"""A small fleet under a virtual clock: heartbeats, probes, digests, faults. No real time passes.

What is real: `recovery.detection.decide`. What is modelled: agents, gateway, network. Every draw
comes from one seed, so a failing seed is a regression test.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import numpy as np

from recovery.detection.decide import Decision, decide
from recovery.detection.eyes import Scene
from recovery.detection.facts import CONTROL_PLANE, Gateway, Kernel, VerdictChange
from recovery.detection.policy import Policy
from recovery.detection.sights import Memory, Roster, Seen, Sights, Standing
from recovery.inventory.facts import Replace, Verdict

PROBE_EVERY, PROBE_TIMEOUT, DIGEST_EVERY, TICK = 0.5, 0.8, 0.2, 0.2
US = CONTROL_PLANE


@dataclass(frozen=True, slots=True)
class Cut:
    """Packets from `sources` to `targets` vanish between `start` and `end` (one way)."""

    sources: frozenset[str]
    targets: frozenset[str]
    start: float
    end: float


@dataclass(slots=True)
class Machine:
    """The truth about one host, which detection never sees."""

    name: str
    datacenter: str
    rack: str
    phase: float
    containers: int
    killed: float = float("inf")
    revived: float = float("inf")
    hung: float = float("inf")
    agent_dead: float = float("inf")
    pauses: list[tuple[float, float]] = field(default_factory=list)
    peers: tuple[str, ...] = ()

    def kernel_lives(self, now: float) -> bool:
        return not self.killed <= now < self.revived

    def serves(self, now: float) -> bool:
        return self.kernel_lives(now) and not (self.hung <= now < self.revived)

    def agent_runs(self, now: float) -> bool:
        return self.serves(now) and now < self.agent_dead and self.resumes(now) <= now

    def resumes(self, now: float) -> float:
        return max((end for start, end in self.pauses if start <= now < end), default=now)


@dataclass(slots=True)
class Settings:
    """How rough this run is."""

    seed: int
    until: float = 12.0
    hosts_per_rack: int = 2
    racks: int = 2
    places: int = 3
    datagram_loss: float = 0.0
    probe_loss: float = 0.0
    warm: bool = True
    fits: bool = True


Key = tuple[float, int, Callable[[], None]]


class World:
    """One run. `history` is every change that detection made, with its instant."""

    def __init__(self, settings: Settings, policy: Policy | None = None) -> None:
        self.settings = settings
        self.policy = policy or Policy()
        self.rng = Random(settings.seed)
        self.now = 0.0
        self.cuts: list[Cut] = []
        self.gateway_stops: list[tuple[float, float]] = []
        self.controller_pauses: list[tuple[float, float]] = []
        self.mute: list[tuple[float, float]] = []
        self.history: list[tuple[float, VerdictChange]] = []
        self.decisions: list[tuple[float, Decision]] = []
        self.standing: dict[str, tuple[Verdict, float, Replace]] = {}
        self._queue: list[Key] = []
        self._count = 0
        self._beats: dict[str, float] = {}
        self._seen: dict[str, dict[str, tuple[Seen, float]]] = defaultdict(dict)
        self._reported: dict[tuple[str, str], tuple[Kernel, int]] = {}
        self._digest: tuple[float, dict[str, float], dict[str, tuple[tuple[Seen, float], ...]]] = (
            0.0,
            {},
            {},
        )
        self._gateway_began = -100.0 if settings.warm else 0.0
        self.machines = self._build()
        self.roster = Roster.of(
            list(self.machines),
            list(self.machines),
            [one.datacenter for one in self.machines.values()],
            [frozenset({one.rack}) for one in self.machines.values()],
        )
        start = -100.0 if settings.warm else 0.0
        self.memory = Memory(begun=start, ticked=-TICK)

    def _build(self) -> dict[str, Machine]:
        machines = {}
        for place in range(self.settings.places):
            for rack in range(self.settings.racks):
                for host in range(self.settings.hosts_per_rack):
                    name = f"dc{place}-{rack}{host}"
                    machines[name] = Machine(
                        name=name,
                        datacenter=f"dc{place}",
                        rack=f"dc{place}/r{rack}",
                        phase=self.rng.random(),
                        containers=self.rng.choice((0, 1, 2, 3)),
                    )
        for one in machines.values():
            near = self.rng.random() < 0.3
            others = [
                name
                for name, peer in machines.items()
                if peer is not one and (near or peer.rack != one.rack)
            ]
            one.peers = tuple(self.rng.sample(others, min(4, len(others))))
            self._beats[one.name] = one.phase - 1.0 if self.settings.warm else -1.0
        if not self.settings.warm:
            self._beats.clear()
        return machines

    # -------------------------------------------------------------- the run

    def run(self) -> World:
        for one in self.machines.values():
            self._at(one.phase, self._beat_of(one))
            self._at(self.rng.random() * PROBE_EVERY, self._probes_of(one))
        self._at(self.rng.random() * DIGEST_EVERY, self._send_digest)
        self._at(self.rng.random() * TICK, self._tick)
        return self.proceed(self.settings.until)

    def proceed(self, until: float) -> World:
        """Go on to this instant."""
        self.settings.until = until
        while self._queue and self._queue[0][0] <= self.settings.until:
            self.now, _, act = heapq.heappop(self._queue)
            act()
        return self

    def _at(self, when: float, act: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._queue, (when, self._count, act))

    def reaches(self, source: str, target: str, when: float | None = None) -> bool:
        """One way, at this instant."""
        now = self.now if when is None else when
        return not any(
            cut.start <= now < cut.end and source in cut.sources and target in cut.targets
            for cut in self.cuts
        )

    def connects(self, a: str, b: str) -> bool:
        """Both ways: what a TCP connect needs."""
        return self.reaches(a, b) and self.reaches(b, a)

    # -------------------------------------------------------------- agents

    def _beat_of(self, one: Machine) -> Callable[[], None]:
        def beat() -> None:
            resumes = one.resumes(self.now)
            self._at(max(self.now + 1.0, resumes), beat)
            lost = self.rng.random() < self.settings.datagram_loss
            if one.agent_runs(self.now) and not lost and self.reaches(one.name, US):
                self._at(self.now + self.rng.uniform(0.0002, 0.005), lambda: self._heard(one.name))

        return beat

    def _heard(self, name: str) -> None:
        if not self._gateway_is_down():
            self._beats[name] = self.now

    def _probes_of(self, one: Machine) -> Callable[[], None]:
        def probe() -> None:
            self._at(max(self.now + PROBE_EVERY, one.resumes(self.now)), probe)
            if one.agent_runs(self.now):
                for peer in one.peers:
                    self._probe(one, self.machines[peer], looked=False)

        return probe

    def _probe(self, one: Machine, target: Machine, *, looked: bool) -> None:
        """The outcome is drawn when the look begins and known after a round trip or the timeout.

        An agent that sleeps past the timeout finds it expired, whatever lies in its buffers.
        """
        kernel, answering = self._meet(one.name, target)
        began = self.now
        took = PROBE_TIMEOUT if kernel is Kernel.SILENT else self.rng.uniform(0.0005, 0.03)
        wakes = one.resumes(began + took)
        if wakes - began > PROBE_TIMEOUT and self.rng.random() < 0.5:
            kernel, answering = Kernel.SILENT, 0

        def known() -> None:
            last = self._reported.get((one.name, target.name))
            if not one.agent_runs(self.now) or (last == (kernel, answering) and not looked):
                return
            if not self.connects(one.name, US) or self._is_mute():
                return
            self._reported[one.name, target.name] = (kernel, answering)
            seen = Seen(one.name, kernel, answering, target.containers, 0.0)
            self._at(
                self.now + self.rng.uniform(0.0005, 0.01),
                lambda: self._sight(target.name, seen, began),
            )

        self._at(wakes, known)

    def _is_mute(self) -> bool:
        """Reports are lost on their way: an observer's newest word is an old one."""
        return any(start <= self.now < end for start, end in self.mute)

    def _meet(self, source: str, target: Machine) -> tuple[Kernel, int]:
        lost = self.rng.random() < self.settings.probe_loss
        if lost or not target.kernel_lives(self.now) or not self.connects(source, target.name):
            return Kernel.SILENT, 0
        answering = target.containers if target.serves(self.now) else 0
        gone = target.agent_dead <= self.now
        return (Kernel.RESETS if gone else Kernel.ANSWERS), answering

    # -------------------------------------------------------------- gateway

    def _gateway_is_down(self) -> bool:
        return any(start <= self.now < end for start, end in self.gateway_stops)

    def _sight(self, target: str, seen: Seen, began: float) -> None:
        if not self._gateway_is_down():
            self._seen[target][seen.observer] = (seen, began)

    def _look_ourselves(self, target: Machine) -> None:
        kernel, _ = self._meet(US, target)
        began = self.now
        took = PROBE_TIMEOUT if kernel is Kernel.SILENT else 0.01
        seen = Seen(US, kernel, 0, 0, 0.0)
        self._at(self.now + took, lambda: self._sight(target.name, seen, began))

    def _send_digest(self) -> None:
        self._at(self.now + DIGEST_EVERY, self._send_digest)
        if self._gateway_is_down():
            self._beats.clear()
            self._seen.clear()
            self._gateway_began = max(end for start, end in self.gateway_stops if start <= self.now)
            return
        digest = (
            self.now,
            dict(self._beats),
            {target: tuple(seen.values()) for target, seen in self._seen.items()},
        )

        def arrive() -> None:
            self._digest = digest

        self._at(self.now + self.rng.uniform(0.001, 0.02), arrive)

    # -------------------------------------------------------------- controller

    def _tick(self) -> None:
        pause = max(
            (end for start, end in self.controller_pauses if start <= self.now < end), default=0
        )
        if pause:
            self._at(pause, self._tick)
            return
        self._at(self.now + TICK, self._tick)
        standing = {
            host: Standing(verdict, self.now - at, grant)
            for host, (verdict, at, grant) in self.standing.items()
        }
        fits = {one.rack: self.settings.fits for one in self.machines.values()}
        scene = Scene(self.roster, standing, self._sights(), fits=fits)
        decision = decide(scene, self.memory, self.policy, self.now)
        self.memory = decision.memory
        self.decisions.append((self.now, decision))
        for change in decision.changes:
            self._apply(change)
        for look in decision.looks:
            target = self.machines[look.host]
            self._look_ourselves(target)
            for observer in look.observers:
                self._ask(self.machines[observer], target)

    def _sights(self) -> Sights:
        at, beats, seen = self._digest
        nan = float("nan")
        return Sights(
            hosts=self.roster.hosts,
            ages=np.array([self.now - beats.get(host, nan) for host in self.roster.hosts]),
            boots=np.zeros(len(self.roster.hosts), dtype=np.uint64),
            seen={
                target: [
                    Seen(one.observer, one.kernel, one.answering, one.asked, self.now - began)
                    for one, began in looks
                ]
                for target, looks in seen.items()
            },
            gateways=(Gateway("g1", self.now - at, at - self._gateway_began),),
        )

    def _ask(self, observer: Machine, target: Machine) -> None:
        def arrive() -> None:
            if observer.agent_runs(self.now) and self.connects(observer.name, US):
                self._probe(observer, target, looked=True)

        self._at(self.now + self.rng.uniform(0.001, 0.02), arrive)

    def _apply(self, change: VerdictChange) -> None:
        self.history.append((self.now, change))
        _, at, _ = self.standing.get(change.host, (Verdict.ALIVE, self.now, Replace.NONE))
        if change.after is Verdict.ALIVE:
            self.standing.pop(change.host, None)
            return
        at = self.now if change.after is not change.before else at
        self.standing[change.host] = (change.after, at, change.replace)

    # -------------------------------------------------------------- what a person does

    def release(self) -> int:
        """One press: everything that is held may go."""
        held = [host for host, (_, _, grant) in self.standing.items() if grant is Replace.HELD]
        for host in held:
            verdict, at, _ = self.standing[host]
            self.standing[host] = (verdict, at, Replace.ALLOWED)
        return len(held)

    def changes(self, host: str) -> list[tuple[float, Verdict]]:
        return [(at, one.after) for at, one in self.history if one.host == host]

    def when(self, host: str, verdict: Verdict) -> float | None:
        """The first instant at which the host got this verdict."""
        return next((at for at, after in self.changes(host) if after is verdict), None)
