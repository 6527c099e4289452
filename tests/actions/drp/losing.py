"""A database with a mate beside it and a copy in OSU2, agents that obey, and people with keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from recovery.core import control
from recovery.core.clock import ManualClock
from recovery.drp.carrying import make_cycle
from recovery.failover.models import Lease
from recovery.inventory import actions
from recovery.inventory.facts import Durability, Role
from recovery.restores.queries import Leases
from tests.actions.drp.ground import Ground, make_people, with_keys
from tests.actions.drp.killing import Failing, Killed
from tests.actions.failover.agents import Play
from tests.actions.failover.fleet import Pair, copy, describe
from tests.scenes import scene
from tests.support.fleet import BY, NOW, make_fleet
from tests.support.passkeys import Passkey

TICK = 0.5
"""Coarse: a lease is renewed as often."""
HOSTS = ("par1-r1-h1", "par1-r2-h1", "osu2-r1-h1")


@dataclass
class Loss:
    """The run's people, and the database's agents, on one clock."""

    ground: Ground
    play: Play

    def lead(self) -> None:
        """The play's leader carries the runs, too; a new one remembers nothing."""
        self.ground.epoch = self.play.epoch
        self.ground.cycle = make_cycle(ManualClock(self.play.now), self._watched)

    def _watched(self) -> Leases:
        memory = self.play.watch.memory
        return Leases(memory.leases, self.play.mono, memory.words)

    def kill_site(self) -> None:
        for replica in self.play.pair.replicas[:2]:
            self.play.kill(replica)

    def look(self) -> None:
        """A round of agents, of failovers and of runs."""
        self.play.tick(TICK)
        self.ground.now = self.play.now
        try:
            self.ground.look(0.0)
        except Killed:
            self.play.lead()
            self.lead()

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK)):
            self.look()

    def until(self, holds: Callable[[], bool], seconds: float = 60.0) -> None:
        for _ in range(round(seconds / TICK)):
            if holds():
                return
            self.look()
        run = self.ground.run
        told = [(step.name, step.state, step.said) for step in run.steps.all()]
        raise AssertionError((run.state, run.state_reason, told))

    def fail(self, point: str, times: int) -> None:
        self.ground.fail = Failing(point, times)


def make_loss(pins: Path, durability: Durability = Durability.SYNCHRONOUS) -> Loss:
    """It serves, protected by its mate and under a lease; nothing is lost yet."""
    play, keys = _protected(durability)
    epoch = control.read_beat()[0]
    ground = with_keys(keys, pins)
    assert control.read_beat()[0] in {epoch, epoch + 1}
    play.epoch = control.read_beat()[0]
    loss = Loss(ground, play)
    loss.lead()
    return loss


@scene
def _protected(durability: Durability) -> tuple[Play, dict[str, Passkey]]:
    fleet = make_fleet()
    database = describe("orders", durability=durability)
    hosts = [fleet.hosts[name] for name in HOSTS]
    replicas = [
        copy(database, hosts[0], 1, Role.PRIMARY),
        copy(database, hosts[1], 2, Role.STANDBY),
    ]
    replicas.append(
        actions.register_replica(
            database=database,
            host=hosts[2],
            number=3,
            role=Role.STANDBY,
            may_be_promoted=False,
            actor=BY,
            reason="test",
            now=NOW,
        )
    )
    database.refresh_from_db()
    play = Play(Pair(database, tuple(replicas), fleet))
    for _ in range(7):
        play.tick(1.0)
    assert Lease.objects.get().sequence > 0
    return play, make_people()
