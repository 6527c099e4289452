"""A fleet in rows, and the sights that a controller would hand to the cycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from recovery.audit.facts import Actor
from recovery.core import control
from recovery.core.clock import ManualClock
from recovery.detection.cycle import Watch, watch_hosts
from recovery.detection.decide import Decision
from recovery.detection.facts import Gateway, Kernel
from recovery.detection.sights import Seen, Sights
from recovery.inventory import actions as inventory
from recovery.inventory.facts import DomainKind
from recovery.inventory.models import Host

START = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
BY = Actor("command", "test")
PERSON = Actor("person", "ada")


def build_fleet(places: int = 3, racks: int = 2, per_rack: int = 2) -> list[Host]:
    """Hosts that are alive, named par1-0a and so on."""
    hosts = []
    for number in range(places):
        place = inventory.register_datacenter(
            name=f"PAR{number}",
            city="Paris",
            region=f"region {number}",
            latitude=48.0 + number,
            longitude=2.0,
            actor=BY,
            reason="test",
            now=START,
        )
        for rack in range(racks):
            domain = inventory.register_domain(
                datacenter=place,
                kind=DomainKind.RACK,
                name=f"R{rack}",
                actor=BY,
                reason="test",
                now=START,
            )
            for at in range(per_rack):
                host = inventory.register_host(
                    name=f"par{number}-{rack}{at}",
                    rack=domain,
                    cpu_millis=4000,
                    memory_mib=8000,
                    labels={},
                    actor=BY,
                    reason="test",
                    now=START,
                )
                inventory.meet_hosts(hosts=[host.pk.hex], actor=BY, now=START)
                host.refresh_from_db()
                hosts.append(host)
    return hosts


@dataclass
class Stage:
    """A leading controller over this fleet; `silent` hosts send no heartbeats, and those of them
    that are `cut` off answer their peers."""

    hosts: Sequence[Host]
    clock: ManualClock = field(default_factory=lambda: ManualClock(START, 1000.0))
    silent: dict[str, float] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    digest_age: float = 0.05
    epoch: int = 0
    watch: Watch = field(default_factory=lambda: Watch.begin(1000.0))
    last: Decision | None = None

    def __post_init__(self) -> None:
        epoch = control.take_lead("test", seen_epoch=control.read_beat()[0], now=START)
        assert epoch is not None
        self.epoch = epoch

    @property
    def actor(self) -> Actor:
        return Actor("controller", "test", self.epoch)

    def kill(self, *names: str) -> None:
        """From now on nothing of them answers."""
        for name in names:
            self.silent[name] = self.clock.monotonic()

    def revive(self, *names: str) -> None:
        for name in names:
            del self.silent[name]

    def run(self, seconds: float) -> Decision:
        """Ticks of 0.2 s."""
        for _ in range(round(seconds / 0.2)):
            self.clock.advance(0.2)
            self.last = self.tick()
        assert self.last is not None
        return self.last

    def tick(self) -> Decision:
        return watch_hosts(
            self.watch,
            self.sights(),
            actor=self.actor,
            now=self.clock.now(),
            monotonic=self.clock.monotonic(),
        )

    def sights(self) -> Sights:
        now = self.clock.monotonic()
        seen: dict[str, list[Seen]] = {}
        for name, since in self.silent.items():
            host = self.named(name)
            witnesses = [one for one in self.hosts if one.name not in self.silent]
            age = now - since - 0.3
            if age > 0.8:
                kernel = Kernel.ANSWERS if name in self.cut else Kernel.SILENT
                seen[host.pk.hex] = [
                    Seen(one.pk.hex, kernel, 0, 1, age % 2.0 + 0.1) for one in witnesses
                ]
        return Sights(
            hosts=tuple(one.pk.hex for one in self.hosts),
            ages=np.array([now - self.silent.get(one.name, now - 0.4) for one in self.hosts]),
            boots=np.ones(len(self.hosts), dtype=np.uint64),
            seen=seen,
            gateways=(Gateway("g1", self.digest_age, 500.0),),
        )

    def named(self, name: str) -> Host:
        return next(one for one in self.hosts if one.name == name)

    def verdicts(self) -> Mapping[str, tuple[str, str]]:
        """Every host that is not simply alive."""
        rows = Host.objects.exclude(verdict="alive").values_list("name", "verdict", "replace")
        return {name: (verdict, grant) for name, verdict, grant in rows}

    def later(self, seconds: float) -> datetime:
        return self.clock.now() + timedelta(seconds=seconds)
