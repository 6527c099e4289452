"""A host: its kernel's gate, its agent by the production rules, its database server.

What the agent journals survives everything; its memory does not survive the agent, the gate and
the server do, and nothing but the data survives the machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recovery.core.leases import NEVER, AgentLease, PromiseRound
from recovery.failover.terms import Terms
from recovery.inventory.facts import Role
from tests.simulation.failover.ground import INF
from tests.simulation.failover.server import Server

if TYPE_CHECKING:
    from tests.simulation.failover.world import World

AGENT_ONLY = [False]
"""Mutant M5: no kernel gate, the agent's process is the only fence."""


Decided = tuple[Role, int, bool, bool, str]
"""Role, epoch, whether it lives by a lease, whether it waits for nobody, whom to follow."""
News = tuple[str, int, int, int, int, int]
"""Of a renewal: name, epoch, incarnation, sequence, echo, position."""
Outcome = tuple[str, str, int, float]
"""Of an order: state, why, position, rest of a promise."""


class Host(Server):
    """`role` and `timeline` are of the data; `epoch`, `promises`, `done`, `incarnation` and
    `fenced_below` are the agent's journal; `gate` is the kernel's: open until, on its clock."""

    def __init__(self, world: World, name: str, terms: Terms) -> None:
        super().__init__(world, name, terms)
        self.boot = 0
        self.done: dict[int, Outcome] = {}
        self.incarnation = 1
        self.lease: AgentLease | None = None
        self.round: PromiseRound | None = None
        self.round_number = 0
        self.reports = 0
        self.looked = 0
        """How far it had written at the agent's last look, which is what a renewal tells."""

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
            self.looked = self.position
            self.report()

    def _renew(self, lease: AgentLease, now: float) -> None:
        world = self.world
        number = lease.renew(now)
        news = self.name, lease.epoch, self.incarnation, number, lease.echo, self.looked
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

    def report(self) -> None:
        world = self.world
        world.send(self.name, "G", world.plane.report, self.name, self.boot, self.sight())

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
