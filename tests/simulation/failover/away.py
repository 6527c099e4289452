"""All of Tocsin is away, then the primary loses its standbys too, then Tocsin is back (I-DB-7).

It goes at any moment: while everything is well, or while a database that was degraded gets its
lease back, so that its agent may or may not have heard of it.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from recovery.failover.terms import FAST
from tests.simulation.failover.decider import POLICY
from tests.simulation.failover.faults import kill_agent, kill_decider, start_decider
from tests.simulation.failover.ground import KERNEL, Chances
from tests.simulation.failover.host import Host
from tests.simulation.failover.server import SENDER
from tests.simulation.failover.world import World

QUIET = 20.0
"""Seconds without Tocsin, several leases long, before the primary is cut off too."""
CLOSED = FAST.length / (1 - FAST.drift) + KERNEL
LONGEST = 1.0
"""Between two acknowledged writes (I-DB-7)."""
BACK = 40.0
"""Seconds for which Tocsin is back and still cannot see the primary."""


def away(seed: int) -> tuple[World, bool]:
    """The world afterwards, and whether the primary lived by its lease when Tocsin went."""
    rng = Random(seed * 6007 + 5)
    world = World(seed, _draw(rng))
    world.run(_before(world, rng))
    while world.plane.rows.failover is not None:
        world.run(world.t + 0.5)
    _stop(world)
    first = world.hosts[world.plane.rows.database.primary]
    standbys = world.others(first)
    is_bound = _is_bound(world)
    is_paired = first.runs() and all(one.runs() and world.t - one.wal_at < 1.0 for one in standbys)
    forks = list(world.forks)
    world.gaps_from, world.longest_gap = world.t, 0.0
    world.run(world.t + QUIET)
    if is_paired and max(world.longest_gap, world.t - world.served_at) > LONGEST:
        world.breach(f"I-DB-7: {world.longest_gap:.2f} s without a write, and all saw each other")
    for one in standbys:
        world.cut(first.name, one.name, 1e9)
        world.cut(one.name, first.name, 1e9)
    world.run(world.t + CLOSED)
    if is_bound and first.is_open():
        world.breach("I-DB-7: cut from its standbys it is not fenced within a lease")
    if world.forks != forks:
        world.breach("I-DB-7: a standby was promoted while nobody could order it")
    _start(world, unseen=first)
    world.run(world.t + BACK)
    return world, is_bound


def _draw(rng: Random) -> Chances:
    quick = rng.random() < 0.5
    return Chances(
        quick=quick,
        double=rng.choice((0.0, 0.1)),
        commit=0.0002 if quick else rng.choice((0.02, 0.3)),
        promote=0.0002 if quick else 0.3,
        drift=rng.choice((0.0, 0.001)),
        synchronous=rng.random() < 0.6,
        by_edge=False,
        standbys=2 if rng.random() < 0.3 else 1,
        eager=rng.random() < 0.7,
    )


def _before(world: World, rng: Random) -> float:
    """What happens before it goes, and when it goes."""
    story: Callable[[World, Random], float] = rng.choice((_nothing, _something, _lose_standbys))
    return story(world, rng)


def _nothing(world: World, rng: Random) -> float:
    return 3.0 + rng.random() * 3.0


def _something(world: World, rng: Random) -> float:
    """An agent or a decider is gone for a moment."""
    for fault in (kill_agent, kill_decider):
        if rng.random() < 0.5:
            fault(world, rng, 3.0 + rng.random() * 3.0)
    return 14.0 + rng.random() * 3.0


def _lose_standbys(world: World, rng: Random) -> float:
    """Long enough for the record that nobody could take over; then they are back, and Tocsin goes
    about when the primary gets its lease again."""
    gone = 3.0
    back = gone + SENDER + POLICY.standby_patience + 2.0 + rng.random() * 4.0
    for one in world.others(world.hosts["A"]):
        world.at(gone, one.lose_power)
        world.at(back, one.switch_on)
    _run_until(world, back + 25.0, lambda: world.plane.rows.lease is None)
    _run_until(world, back + 25.0, lambda: world.plane.rows.lease is not None)
    return world.t + rng.choice((0.0, 0.02, 0.1, 0.5, 3.0)) * rng.random()


def _run_until(world: World, latest: float, holds: Callable[[], bool]) -> None:
    while world.t < latest and not holds():
        world.run(world.t + 0.02)


def _is_bound(world: World) -> bool:
    """By the rows, as `failover.queries.self_fencing` asks them."""
    row, database = world.plane.rows.lease, world.plane.rows.database
    if row is None or row.revoked or not row.sequence:
        return False
    return (row.replica, row.epoch) == (database.primary, database.epoch)


def _stop(world: World) -> None:
    world.plane.rows.is_up = world.plane.is_gateway_up = False
    for decider in world.deciders:
        decider.is_up = False


def _start(world: World, *, unseen: Host) -> None:
    """It is back, and neither hears that host nor is heard by it."""
    world.cut("G", unseen.name, 1e9)
    world.cut(unseen.name, "G", 1e9)
    world.plane.rows.is_up = True
    world.plane.restart_gateway()
    for decider in world.deciders:
        start_decider(world, decider)
