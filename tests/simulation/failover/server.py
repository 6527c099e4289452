"""A host's machine and its database server: data, replication, what clients get."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recovery.core.leases import NEVER, Promises
from recovery.failover.facts import ReplicaSight, Standby
from recovery.failover.terms import Terms
from recovery.inventory.facts import Role
from tests.simulation.failover.ground import KERNEL, Clock

if TYPE_CHECKING:
    from tests.simulation.failover.world import World

SENDER = 10.0
"""A primary calls a silent standby streaming for so long (wal_sender_timeout)."""


class Server:
    """`role` and `timeline` are of the data; `epoch` and `promises` of its agent's journal;
    `gate` is the kernel's: open until, on its clock; `is_alone`: it waits for no standby."""

    def __init__(self, world: World, name: str, terms: Terms) -> None:
        self.world, self.name, self.terms = world, name, terms
        self.clock = Clock(world.rng, world.chances.drift)
        self.power = self.agent = self.server = True
        self.paused_until = 0.0
        self.role = Role.STANDBY
        self.timeline = 1
        self.position = 0
        self.leader = ""
        self.epoch = 1
        self.promises = Promises()
        self.promoting = 0
        self.is_alone = False
        self.gate = NEVER
        self.confirmed: dict[str, tuple[int, float]] = {}
        self.wal_at = -100.0
        self.leads_on = 0
        self.well_since = -300.0
        self.well_for = 0.0

    # ------------------------------------------------------------ what runs

    @property
    def now(self) -> float:
        return self.clock.now(self.world.t)

    def runs(self) -> bool:
        return (
            self.power
            and self.agent
            and self.world.t >= self.paused_until
            and self.clock.stopped_at is None
        )

    def lives(self) -> bool:
        return self.power and self.server and self.clock.stopped_at is None

    def is_open(self) -> bool:
        return self.now < self.gate + KERNEL

    def accepts_writes(self) -> bool:
        return self.role is Role.PRIMARY and self.lives() and self.is_open()

    # ------------------------------------------------------------ replication

    def write(self) -> None:
        """A client's write is accepted; it is acknowledged now, or when a standby has it."""
        self.position += 1
        world = self.world
        if self.is_alone:
            world.acknowledged(self, self.position)
        self.stream()

    def stream(self) -> None:
        world = self.world
        for one in world.others(self):
            if one.leader == self.name:
                world.send(self.name, one.name, one.wal, self, self.timeline, self.position)

    def wal(self, primary: Server, timeline: int, position: int) -> None:
        """A standby of a newer timeline, or of another leader, refuses; one that holds nothing
        beyond the fork follows onto the new timeline."""
        if not self.lives() or self.role is not Role.STANDBY or self.leader != primary.name:
            return
        if self.promoting or timeline < self.timeline:
            return
        if timeline != self.timeline:
            if self.position > self.world.fork(timeline, self.timeline):
                return
            self.timeline = timeline
        t = self.world.t
        if t - self.wal_at > 2.0:
            if position <= self.position and timeline == self.leads_on:
                return
            self.well_since = t
        self.wal_at, self.leads_on = t, timeline
        self.position = max(self.position, position)
        self.world.send(
            self.name, primary.name, primary.confirm, self.name, timeline, self.position
        )

    def confirm(self, standby: str, timeline: int, position: int) -> None:
        if not self.lives() or self.role is not Role.PRIMARY or timeline != self.timeline:
            return
        if position >= self.confirmed.get(standby, (0, 0.0))[0]:
            self.confirmed[standby] = position, self.world.t
            if not self.is_alone and self.is_open() and self.world.reaches(self):
                self.world.acknowledged(self, position)

    # ------------------------------------------------------------ what it says

    def sight(self) -> ReplicaSight:
        t = self.world.t
        streams = t - self.wal_at < 2.0
        if streams:
            self.well_for = t - self.well_since
        state = "running" if self.server else "down"
        return ReplicaSight(
            self.name, self.name, f"host-{self.name}", "OSU",
            server=state, epoch=self.epoch, role=self.role,
            is_writable=self.accepts_writes(), timeline=self.timeline, position=self.position,
            lag=0.0, follows=self.leader, healthy_for=self.well_for, system="s1", version="18.6",
            promised_for=self.promises.left(self.now),
            standbys=tuple(
                Standby(name, at[0], t - at[1] < SENDER, not self.is_alone)
                for name, at in self.confirmed.items()
            ),
        )  # fmt: skip
