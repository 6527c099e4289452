"""A host: its kernel's gate, its agent by the production rules, its database server.

What the agent journals survives everything; its memory does not survive the agent, the gate and
the server do, and nothing but the data survives the machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recovery.core.leases import NEVER, AgentLease, PromiseRound, Promises
from recovery.failover.facts import ReplicaSight, Standby
from recovery.failover.terms import Terms
from recovery.inventory.facts import Role
from tests.simulation.failover.ground import INF, KERNEL, Clock

if TYPE_CHECKING:
    from tests.simulation.failover.world import World

SENDER = 10.0
"""A primary calls a silent standby streaming for so long (wal_sender_timeout)."""
AGENT_ONLY = [False]
"""Mutant M5: no kernel gate, the agent's process is the only fence."""


Decided = tuple[Role, int, bool, bool, str]
"""Role, epoch, whether it lives by a lease, whether it waits for nobody, whom to follow."""
News = tuple[str, int, int, int, int, int]
"""Of a renewal: name, epoch, incarnation, sequence, echo, position."""
Outcome = tuple[str, str, int, float]
"""Of an order: state, why, position, rest of a promise."""


class Host:
    """`role` and `timeline` are of the data; `epoch`, `promises`, `done`, `incarnation` and
    `fenced_below` are the agent's journal; `gate` is the kernel's: open until, on its clock."""

    def __init__(self, world: World, name: str, terms: Terms) -> None:
        self.world, self.name, self.terms = world, name, terms
        self.clock = Clock(world.rng, world.chances.drift)
        self.power = self.agent = self.server = True
        self.paused_until = 0.0
        self.boot = 0
        self.role = Role.STANDBY
        self.timeline = 1
        self.position = 0
        self.leader = ""
        self.epoch = 1
        self.promises = Promises()
        self.done: dict[int, Outcome] = {}
        self.incarnation = 1
        self.lease: AgentLease | None = None
        self.is_alone = False
        """Acknowledges writes without a standby: degraded, or asynchronous."""
        self.gate = NEVER
        self.round: PromiseRound | None = None
        self.round_number = 0
        self.confirmed: dict[str, tuple[int, float]] = {}
        self.wal_at = -100.0
        self.leads_on = 0
        self.well_since = -300.0
        self.well_for = 0.0
        self.reports = 0
        self.promoting = 0

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

    def set_gate(self) -> None:
        """The agent programs the kernel; the kernel closes it by itself."""
        lease = self.lease
        if self.role is not Role.PRIMARY:
            until = NEVER
        elif lease is None:
            until = INF
        else:
            until = lease.closes_at
            if AGENT_ONLY[0]:
                until = INF if lease.is_open(self.now) else NEVER
        opens = until > self.gate
        self.gate = until
        if opens:
            self.world.check()

    # ------------------------------------------------------------ the agent's round

    def start(self, delay: float) -> None:
        self.world.at(self.world.t + delay, self.tick, self.boot, self.incarnation)

    def tick(self, boot: int, incarnation: int) -> None:
        if boot != self.boot or incarnation != self.incarnation or not (self.power and self.agent):
            return
        world = self.world
        if not self.runs():
            world.at(self._wakes(), self.tick, boot, incarnation)
            return
        self.round_once()
        world.at(world.t + self.terms.every * (0.9 + 0.2 * world.random()), self.tick, boot,
                 incarnation)  # fmt: skip

    def _wakes(self) -> float:
        return max(self.paused_until, self.world.t + 0.05)

    def round_once(self) -> None:
        now, lease = self.now, self.lease
        if lease is not None and self.role is Role.PRIMARY:
            lease.tick(now)
            if self.server:
                self._renew(lease, now)
            self.set_gate()
        self.reports += 1
        if self.reports % 2:
            self.report()

    def _renew(self, lease: AgentLease, now: float) -> None:
        world = self.world
        number = lease.renew(now)
        news = self.name, lease.epoch, self.incarnation, number, lease.echo, self.position
        world.send(self.name, "G", world.plane.renewal, news)
        if lease.wants_promise(now):
            self.round_number += 1
            self.round = PromiseRound((one.name for one in world.others(self)), now)
            for one in world.others(self):
                world.send(self.name, one.name, one.asked_promise, self, lease.epoch,
                           self.round_number)  # fmt: skip

    def granted(self, epoch: int, incarnation: int, sequence: int) -> None:
        if not self.runs():
            self._later(self.granted, epoch, incarnation, sequence)
            return
        if self.lease is not None and self.role is Role.PRIMARY:
            self.lease.granted(
                epoch=epoch, incarnation=incarnation, sequence=sequence, now=self.now
            )
            self.set_gate()

    def _later(self, do: object, *args: object) -> None:
        """A sleeping process finds its messages when it wakes; a dead one never."""
        if self.power and self.agent and callable(do):
            self.world.at(self._wakes(), do, *args)

    # ------------------------------------------------------------ promises (B6)

    def asked_promise(self, primary: Host, epoch: int, number: int) -> None:
        if not self.runs():
            self._later(self.asked_promise, primary, epoch, number)
            return
        if self.role is Role.PRIMARY or self.promoting:
            return
        if self.world.cuts.get((self.name, primary.name), 0.0) > self.world.t:
            return  # a question comes over a connection made for it: both ways work, or neither
        self.promises, refused = self.promises.ask(epoch=epoch, span=self.terms.span, now=self.now)
        if not refused:
            self.world.send(self.name, primary.name, primary.got_promise, self.name, number)

    def got_promise(self, member: str, number: int) -> None:
        if not self.runs():
            self._later(self.got_promise, member, number)
            return
        lease = self.lease
        if lease is None or self.role is not Role.PRIMARY:
            return
        lease.heard(self.now)
        if number == self.round_number and self.round is not None and self.round.promised(member):
            lease.promised(self.round.asked_at)
        self.set_gate()

    # ------------------------------------------------------------ what was decided (B5)

    def spec(self, boot: int, decided: Decided) -> None:
        """Level-triggered: what this replica is to be."""
        role, epoch, leased, alone, led = decided
        if boot != self.boot or not self.runs() or epoch < self.epoch:
            return
        is_newer, self.epoch = epoch > self.epoch, epoch
        self.promises = self.promises.learn(epoch)
        if role is Role.PRIMARY and not self.promoting and self.role is not Role.STANDBY:
            self._lead(epoch, leased, alone, is_newer)
        elif role is not Role.PRIMARY and self.role is Role.PRIMARY and not self.promoting:
            self.role = Role.OUT
            self.lease = None
            self.set_gate()
        elif role is Role.STANDBY and self.role is Role.STANDBY:
            self.leader = led

    def _lead(self, epoch: int, leased: bool, alone: bool, is_newer: bool) -> None:
        was_open = self.role is Role.PRIMARY and self.is_open()
        self.role = Role.PRIMARY
        self.is_alone = alone
        if not leased:
            self.lease = None
        elif self.lease is None or self.lease.epoch != epoch:
            before = self.lease
            free = self.now + self.terms.length if was_open else NEVER
            self.lease = self._new_lease(epoch, before.deadline if before else free)
        self.set_gate()

    def _new_lease(self, epoch: int, deadline: float = NEVER) -> AgentLease:
        return AgentLease(
            epoch=epoch, incarnation=self.incarnation, every=self.terms.every,
            length=self.terms.length,
            early=0.0 if self.world.chances.synchronous else self.terms.early,
            deadline=deadline, now=self.now,
        )  # fmt: skip

    def order(self, number: int, verb: str, epoch: int, detail: tuple[bool, bool]) -> None:
        """Journaled before the act: a repeated key gets its outcome again."""
        if not self.runs():
            return
        outcome = self.done.get(number)
        if outcome is None:
            outcome = getattr(self, f"_{verb}")(number, epoch, *detail)
            if outcome is None:
                return
            self.done[number] = outcome
        self.world.send(self.name, "G", self.world.plane.outcome, number, outcome)

    def _ask(self, number: int, epoch: int, take_over: bool, _: bool) -> Outcome:
        if take_over:
            self.promises = self.promises.take_over(epoch)
        return "done", "", self.position, self.promises.left(self.now)

    def _fence(self, number: int, epoch: int, *_: bool) -> Outcome:
        if epoch < self.epoch:
            return "refused", "late", 0, 0.0
        self.epoch = epoch
        if self.role is Role.PRIMARY:
            self.role = Role.OUT
            self.lease = None
            self.set_gate()
        return "done", "", self.position, 0.0

    def _restart(self, number: int, epoch: int, *_: bool) -> Outcome:
        self.server = True
        self.world.check()
        return "done", "", self.position, 0.0

    def _promote(self, number: int, epoch: int, leased: bool, alone: bool) -> Outcome | None:
        if self.promoting:
            return None
        self.promises = self.promises.take_over(epoch)
        refused = self.promises.refuse_promotion(epoch, self.now)
        if refused or not self.server or self.role is not Role.STANDBY or epoch < self.epoch:
            return "refused", refused or "not a standby", 0, self.promises.left(self.now)
        self.epoch = epoch
        self.promises = self.promises.learn(epoch)
        self.promoting = epoch
        took = self.world.chances.promote * self.world.random()
        key = number, self.boot, self.incarnation
        self.world.at(self.world.t + took, self._promoted, key, epoch, leased, alone)
        return None

    def _promoted(self, key: tuple[int, int, int], epoch: int, leased: bool, alone: bool) -> None:
        number, boot, incarnation = key
        if (boot, incarnation) != (self.boot, self.incarnation):
            return
        if not (self.runs() and self.server):
            if self.power and self.agent:
                self.world.at(self._wakes(), self._promoted, key, epoch, leased, alone)
            return
        self.promoting = 0
        self.role = Role.PRIMARY
        self.is_alone = alone
        self.lease = self._new_lease(epoch) if leased else None
        self.confirmed.clear()
        self.world.promoted(self, epoch)
        self.timeline = epoch
        self.done[number] = "done", "", self.position, 0.0
        self.set_gate()
        self.world.check()
        self.report()

    def _rejoin(self, number: int, epoch: int, *_: bool) -> Outcome | None:
        if self.role is Role.PRIMARY or not self.server:
            return "refused", "it leads", 0, 0.0
        leader = self.world.leader_of(epoch)
        if leader is None:
            return None
        self.position = min(self.position, self.world.fork(leader.timeline, self.timeline))
        self.timeline, self.leader, self.role = leader.timeline, leader.name, Role.STANDBY
        self.well_since = self.world.t
        return "done", "", self.position, 0.0

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

    def wal(self, primary: Host, timeline: int, position: int) -> None:
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

    def report(self) -> None:
        world = self.world
        world.send(self.name, "G", world.plane.report, self.name, self.boot, self.sight())

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
            lag=0.0, follows=self.leader, healthy_for=self.well_for,
            promised_for=self.promises.left(self.now),
            standbys=tuple(
                Standby(name, at[0], t - at[1] < SENDER, not self.is_alone)
                for name, at in self.confirmed.items()
            ),
        )  # fmt: skip

    # ------------------------------------------------------------ faults

    def lose_power(self) -> None:
        self.power = False
        self.boot += 1
        self.gate = NEVER
        self.lease = None
        self.promoting = 0

    def switch_on(self) -> None:
        """The gate is closed at boot; the agent takes the role of its data (I-DB-5)."""
        if self.power:
            return
        self.power = self.server = self.agent = True
        self.clock.resume(self.world.t)
        self.paused_until = 0.0
        self.promises = self.promises.after_boot(self.now)
        self._begin_agent(NEVER)

    def kill_agent(self) -> None:
        self.agent = False

    def start_agent(self) -> None:
        if self.agent or not self.power:
            return
        deadline = self.gate if self.gate < INF else NEVER
        is_free = self.lease is None and self.role is Role.PRIMARY
        self._begin_agent(deadline, is_free)

    def _begin_agent(self, deadline: float, is_free: bool = False) -> None:
        self.agent = True
        self.incarnation += 1
        self.round = None
        self.promoting = 0
        if self.role is Role.PRIMARY and not is_free:
            self.lease = self._new_lease(self.epoch, deadline)
        self.set_gate()
        self.start(0.01)

    def resume_machine(self) -> None:
        if self.clock.stopped_at is not None:
            self.clock.resume(self.world.t)
            self.world.check()

    def kill_server(self) -> None:
        self.server = False
