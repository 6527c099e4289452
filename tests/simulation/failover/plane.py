"""The control plane: committed rows and the gateway."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from recovery.core.leases import EchoWatch, LeaseRow
from recovery.failover.facts import (
    Database,
    Failover,
    ReplicaSight,
)
from recovery.failover.terms import Terms
from recovery.inventory.facts import Durability, Plan, Role, StandbyLoss
from recovery.operations.facts import UNFINISHED, OperationState
from tests.simulation.failover.ground import Clock
from tests.simulation.failover.host import News, Outcome

if TYPE_CHECKING:
    from tests.simulation.failover.world import World


@dataclass(slots=True)
class Order:
    """An operation: intent, then handed out until its outcome is known."""

    number: int
    verb: str
    replica: str
    epoch: int
    detail: tuple[bool, bool]
    at: float
    state: OperationState = OperationState.INTENDED
    said: str = ""
    position: int = 0
    promised: float = 0.0


@dataclass(slots=True)
class Rows:
    """What is committed. `seen`: (report number, sight); `leader` with its epoch and beat."""

    database: Database
    roles: dict[str, Role]
    lease: LeaseRow | None
    failover: Failover | None = None
    orders: list[Order] = field(default_factory=list)
    seen: dict[str, tuple[int, ReplicaSight]] = field(default_factory=dict)
    leader: str = "D1"
    leader_epoch: int = 1
    beat: int = 0
    began: float = 0.0
    blocked_until: float = 0.0
    identity: int = 1
    routed: int = 1
    is_up: bool = True


class Plane:
    """Rows and gateway ("G" on the network)."""

    def __init__(self, world: World, terms: Terms) -> None:
        chances = world.chances
        durability = Durability.SYNCHRONOUS if chances.synchronous else Durability.ASYNCHRONOUS
        self.world, self.terms = world, terms
        loss = StandbyLoss.BLOCK if chances.blocking else StandbyLoss.DEGRADE
        self.rows = Rows(
            Database("db", "db", Plan.BUSINESS, durability, 1, "A", standby_loss=loss),
            {name: Role.STANDBY for name in world.hosts} | {"A": Role.PRIMARY},
            LeaseRow("A", 1, 1),
        )
        self.is_gateway_up = True
        self.echo = EchoWatch(terms.every)
        self.clock = Clock(world.rng, chances.drift)
        self.number = self.routes = 0
        self.asking = ""
        """The alarm of the question that a person is asked now."""

    # ------------------------------------------------------------ the gateway

    def _hears(self) -> bool:
        return self.is_gateway_up and self.rows.is_up

    def renewal(self, news: News) -> None:
        name, epoch, incarnation, _, echo, _ = news
        if not self._hears():
            return
        host, row = self.world.hosts[name], self.rows.lease
        now = self.clock.now(self.world.t)
        if not self.echo.may_grant(epoch=epoch, incarnation=incarnation, echo=echo, now=now):
            if row is not None and row.sequence and row.replica == name:
                self.world.send("G", name, host.granted, row.epoch, row.incarnation, row.sequence)
            return
        self.world.at(self.world.t + self.commit(), self._renewed, news)

    def commit(self) -> float:
        """How long a transaction takes now."""
        chances = self.world.chances
        if chances.spike and self.world.random() < chances.spike:
            return self.world.random() * 2.0
        return chances.commit * self.world.random()

    def _renewed(self, news: News) -> None:
        name, epoch, incarnation, sequence, echo, position = news
        row = self.rows.lease
        if not self._hears() or row is None:
            return
        if not row.renewed(replica=name, epoch=epoch, number=(incarnation, sequence)):
            return
        self.rows.lease = LeaseRow(name, epoch, incarnation, sequence, echo, position)
        self.echo.granted(sequence, self.clock.now(self.world.t))
        if self.world.chances.woken:
            for decider in self.world.deciders:
                self.world.at(self.world.t + 0.0002, decider.tick, decider.run, False)
        self.world.send("G", name, self.world.hosts[name].granted, epoch, incarnation, sequence)

    def report(self, name: str, boot: int, sight: ReplicaSight) -> None:
        """Kept, and answered with what the replica is to be and what it has to do."""
        if not self._hears():
            return
        count, _ = self.rows.seen.get(name, (0, sight))
        self.rows.seen[name] = count + 1, sight
        self.push(name, boot)

    def push(self, name: str, boot: int) -> None:
        host, rows = self.world.hosts[name], self.rows
        role, epoch = self.wanted(name)
        leased = rows.lease is not None and rows.lease.replica == name
        alone = rows.database.is_degraded or not rows.database.is_synchronous
        decided = role, epoch, leased, alone, rows.database.primary
        self.world.send("G", name, host.spec, boot, decided)
        for order in rows.orders:
            if order.replica == name and order.state in UNFINISHED:
                order.state = OperationState.HANDED
                self.world.send("G", name, host.order, order.number, order.verb, order.epoch,
                                order.detail)  # fmt: skip

    def wanted(self, name: str) -> tuple[Role, int]:
        """From the revocation on the old primary is out at the new epoch; the others stay what
        they were, at the old one, until the promoted one is primary by the rows."""
        rows, failover = self.rows, self.rows.failover
        if failover is None or not failover.new_epoch or rows.database.primary != failover.source:
            return rows.roles[name], rows.database.epoch
        if name == failover.source:
            return Role.OUT, failover.new_epoch
        return rows.roles[name], failover.old_epoch

    def outcome(self, number: int, outcome: Outcome) -> None:
        if not self._hears():
            return
        order = next((one for one in self.rows.orders if one.number == number), None)
        if order is None or order.state not in UNFINISHED:
            return
        state, order.said, order.position, order.promised = outcome
        order.state = OperationState(state)

    def restart_gateway(self) -> None:
        self.is_gateway_up = True
        self.echo = EchoWatch(self.terms.every)

    def order(self, verb: str, replica: str, epoch: int, *, first: bool, second: bool) -> None:
        self.number += 1
        order = Order(self.number, verb, replica, epoch, (first, second), self.world.t)
        self.rows.orders.append(order)
        if self._hears():
            self.push(replica, self.world.hosts[replica].boot)
