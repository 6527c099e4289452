"""Agents of one database that do what they are told, until they are silenced.

Time is the test's: `tick` moves both clocks, lets the agents speak, renew and obey, and lets the
leader look.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from recovery.audit.facts import Actor
from recovery.core import control, transitions
from recovery.failover.actions.leases import Renewed, renew_leases
from recovery.failover.cycle import Watch, watch_databases
from recovery.failover.facts import Around
from recovery.failover.models import Failover, Lease
from recovery.inventory.actions import see_replicas
from recovery.inventory.facts import ReplicaState, Role
from recovery.inventory.models import Database, Replica
from recovery.operations.cycle import run_governor
from recovery.operations.facts import OperationState
from recovery.operations.models import Operation
from tests.actions.failover.fleet import Pair, make_pair
from tests.scenes import scene
from tests.support.fleet import NOW, lose

TICK = 0.2


@dataclass
class Server:
    """One replica's server and its agent."""

    replica: Replica
    is_up: bool = True
    server: str = "running"
    position: int = 1000
    leads: bool = False
    epoch: int = 1
    promised: float = 0.0
    healthy: float = 90.0
    sequence: int = 0
    timeline: int = 1
    adopted: str = ""
    detail: str = ""
    silent: float = 0.0
    """Its process runs, and it has answered no look for so long."""
    alone: str = ""
    is_measured: bool = False
    settings: dict[str, float] = field(default_factory=dict)
    replayed_at: float | None = None
    """Of a standby that is behind: when what it replayed last was written; it counts until now."""

    def lag(self, now: float) -> float:
        return 0.0 if self.replayed_at is None else now - self.replayed_at


@dataclass
class Play:
    """The fleet of one pair, a leading controller, and time."""

    pair: Pair
    servers: dict[UUID, Server] = field(default_factory=dict)
    watch: Watch = field(default_factory=Watch)
    around: Around = field(default_factory=Around)
    failing: Callable[[], frozenset[str]] = frozenset
    mono: float = 1000.0
    epoch: int = 0
    refuses: dict[str, str] = field(default_factory=dict)
    exports: Callable[[Operation], str] = field(default=lambda op: "")
    """What an agent tells of an export."""
    loses: dict[str, str] = field(default_factory=dict)
    """Verbs whose outcome its agent does not know, and why."""
    is_deaf: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for replica in self.pair.replicas:
            self.servers[replica.pk] = Server(replica)
        self.servers[self.pair.primary.pk].leads = True
        self.lead()

    def lead(self) -> None:
        """Another controller takes over: it remembers nothing."""
        taken = control.take_lead(f"controller-{self.epoch}", seen_epoch=self.epoch, now=self.now)
        assert taken is not None
        self.epoch = taken
        self.watch = Watch()

    @property
    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.mono)

    @property
    def actor(self) -> Actor:
        return Actor("controller", "tests", self.epoch)

    @property
    def database(self) -> Database:
        return Database.objects.get(pk=self.pair.database.pk)

    @property
    def failover(self) -> Failover:
        return Failover.objects.earliest("-number")

    # ------------------------------------------------------------------ time

    def tick(self, seconds: float = TICK) -> None:
        """One round of everybody."""
        self.mono += seconds
        self._speak()
        self._renew()
        self._obey()
        self.look()

    def look(self) -> None:
        """The leader's part of a round."""
        watch_databases(
            self.watch,
            self.around,
            failing=self.failing(),
            actor=self.actor,
            now=self.now,
            monotonic=self.mono,
        )
        run_governor(actor=self.actor, now=self.now)

    def run(self, seconds: float) -> None:
        """Tick after tick."""
        for _ in range(round(seconds / TICK)):
            self.tick()

    def until(self, phase: str, seconds: float = 30.0) -> Failover:
        """Until the newest failover is in this phase."""
        for _ in range(round(seconds / TICK)):
            row = Failover.objects.order_by("-number").first()
            if row is not None and row.phase == phase:
                return row
            self.tick()
        raise AssertionError(f"no failover reached {phase}: {Failover.objects.values()}")

    def settle(self) -> None:
        """Until it serves, protected and under a lease."""
        self.run(6)
        assert self.database.state == "serving"
        assert Lease.objects.get().sequence > 0

    # ------------------------------------------------------------------ agents

    def kill(self, replica: Replica) -> None:
        """Its host is lost, and detection says so."""
        self.servers[replica.pk].is_up = False
        replica.host.refresh_from_db()
        lose(replica.host)

    def _speak(self) -> None:
        leader = next((s for s in self.servers.values() if s.leads and s.is_up), None)
        seen = {
            key: self._fact(server, leader) for key, server in self.servers.items() if server.is_up
        }
        see_replicas(seen=seen, now=self.now)

    def _fact(self, server: Server, leader: Server | None) -> dict[str, object]:
        row = Replica.objects.select_related("database").get(pk=server.replica.pk)
        server.epoch = row.database.epoch
        if row.role == Role.OUT:
            server.leads = False
        synchronous = row.database.degraded_at is None or row.database.restoring_at is not None
        others = [one for one in self.servers.values() if one.is_up and not one.leads]
        following = {one.replica.pk for one in others if self._follows(one)}
        return {
            "state": server.server,
            "role": row.role,
            "epoch": server.epoch,
            "is_writable": server.leads and server.server == "running",
            "position": server.position,
            "system": "s1",
            "timeline": server.timeline if server.leads or not leader else leader.timeline,
            "version": "18.6",
            "healthy_ms": 0 if server.leads else int(server.healthy * 1000),
            "promised_ms": int(server.promised * 1000),
            "lag_ms": int(server.lag(self.mono) * 1000),
            "adopted": server.adopted,
            "detail": server.detail,
            "silent_ms": int(server.silent * 1000),
            "alone": server.alone,
            "is_measured": server.is_measured,
            "settings": server.settings,
            "standbys": [
                {
                    "replica": str(one.replica.pk),
                    "position": one.position,
                    "is_streaming": one.replica.pk in following,
                    "is_synchronous": synchronous and one.replica.pk in following,
                }
                for one in others
            ]
            if server.leads
            else [],
        }

    def _follows(self, server: Server) -> bool:
        row = Replica.objects.get(pk=server.replica.pk)
        return row.role == Role.STANDBY and row.state == ReplicaState.MEMBER

    def _renew(self) -> None:
        lease = Lease.objects.filter(revoked=False).first()
        if lease is None:
            return
        server = self.servers[lease.replica_id]
        if not (server.is_up and server.leads and server.server == "running"):
            return
        server.sequence += 1
        renewed = Renewed(
            replica=lease.replica_id,
            host=server.replica.host_id,
            epoch=server.epoch,
            incarnation=1,
            sequence=server.sequence,
            echo=server.sequence - 1,
            position=server.position,
        )
        renew_leases(renewals=[renewed])

    def _obey(self) -> None:
        for op in Operation.objects.filter(state=OperationState.INTENDED):
            assert op.replica_id is not None
            if self.servers[op.replica_id].is_up and op.verb not in self.is_deaf:
                self.answer(op)

    def answer(self, op: Operation) -> None:
        """What the agent does and says of it."""
        assert op.replica_id is not None
        server = self.servers[op.replica_id]
        by = Actor("agent", "tests")
        transitions.move(op, OperationState.HANDED, actor=by, reason="test", now=self.now)
        state, detail = OperationState.DONE, ""
        if op.verb in self.refuses:
            state, detail = OperationState.REFUSED, self.refuses[op.verb]
        elif op.verb in self.loses:
            state, detail = OperationState.UNKNOWN, self.loses[op.verb]
        elif op.verb == "ask":
            told = {"promised_ms": int(server.promised * 1000), "position": server.position}
            detail = json.dumps(told)
        elif op.verb == "promote":
            server.leads, server.epoch, server.timeline = True, op.database_epoch, 2
        elif op.verb == "fence":
            server.leads, detail = False, str(server.position)
        elif op.verb == "keep":
            detail = json.dumps({"name": "20261129T031415.000000Z", "bytes": 48_000_000})
        elif op.verb == "export":
            detail = self.exports(op)
        elif op.verb == "restart":
            server.server = "running"
        fields = {"ended_at": self.now, "detail": detail}
        transitions.move(op, state, changes=fields, actor=by, reason="test", now=self.now)


@scene
def settled() -> Play:
    """A pair that serves, protected and under a lease."""
    made = Play(make_pair())
    made.settle()
    return made
