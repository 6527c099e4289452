"""Swarms of faults in one burst, and the healing of all of them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from recovery.failover.begin import refuse_switchover
from recovery.failover.phases import FailoverKind
from recovery.failover.terms import FAST
from tests.simulation.failover.decider import POLICY, Decider
from tests.simulation.failover.ground import Chances
from tests.simulation.failover.host import Host
from tests.simulation.failover.world import World

HEALED = 13.0
END = 40.0
LATEST = HEALED + 120.0
"""When whatever healed has to be whole again (L-5)."""
QUIET = frozenset(
    {"promotion-unknown", "no-candidate", "no-proof", "blocked", "alone", "no-primary"}
)
"""Questions with which a run may end instead of a database that serves."""

Fault = Callable[[World, Random, float], None]


def swarm(seed: int, *, is_told: bool = False) -> World:
    """A run with random chances and faults; every fifth has one lasting fault of its own."""
    rng = Random(seed * 7919 + 17)
    lasting = seed % 5 == 0
    world = World(seed, draw(rng, lasting))
    world.is_told = is_told
    if lasting:
        fault = rng.choice(LASTING)
        fault(world, rng, 3.0 + rng.random())
        world.run(24.0)
        bound = FAST.worst_case + 3 * FAST.every + 3.0
        gap = max(world.longest_gap, world.t - world.served_at)
        if gap > bound:
            world.breach(f"liveness: {fault.__name__}, nobody wrote for {gap:.1f} s")
        return world
    burst = 6.0 if rng.random() < 0.7 else 9.0
    start = 2.0 + rng.random() * (HEALED - burst - 3.0)
    for _ in range(rng.choice((1, 2, 2, 3, 4, 6))):
        fault = rng.choice(FAULTS)
        fault(world, rng, start + rng.random() * burst)
    world.stalls_until = HEALED
    world.at(HEALED, heal, world)
    world.run(END)
    while not _is_settled(world) and world.t < LATEST:
        world.run(world.t + 5.0)
    if not _is_settled(world):
        world.breach(f"liveness: nobody serves after all has healed ({world.plane.rows.failover})")
    return world


def _is_settled(world: World) -> bool:
    return world.is_serving() or world.plane.asking in QUIET


def draw(rng: Random, lasting: bool) -> Chances:
    quick = rng.random() < 0.6
    return Chances(
        quick=quick,
        loss=0.0 if lasting else rng.choice((0.0, 0.0, 0.02, 0.1)),
        double=rng.choice((0.0, 0.0, 0.1)),
        slow=0.0 if lasting else rng.choice((0.0, 0.0, 0.02, 0.2)),
        slowest=rng.choice((1.0, 2.0, 4.0)),
        commit=0.0002
        if quick
        else rng.choice((0.02, 0.3, 1.5, 1.5) if not lasting else (0.02, 0.2)),
        spike=0.0 if lasting else rng.choice((0.0, 0.0, 0.1)),
        promote=0.0002 if quick else rng.choice((0.3, 2.5)),
        drift=rng.choice((0.0, 0.001, 0.001)),
        synchronous=rng.random() < 0.6,
        by_edge=rng.random() < 0.5,
        standbys=2 if rng.random() < 0.15 else 1,
        blocking=not lasting and rng.random() < 0.2,
        eager=rng.random() < 0.7,
        woken=quick and rng.random() < 0.5,
        attended=rng.random() < 0.2,
        blocked_for=rng.choice((0.0, 0.0, 3600.0)),
        stall=0.0 if lasting else rng.choice((0.0, 0.0, 0.6)),
    )


def _some(world: World, rng: Random) -> Host:
    return rng.choice([world.hosts["A"], *world.hosts.values()])


def _for(rng: Random) -> float:
    return rng.choice((0.3, 1.0, 2.0, 3.0, 5.0, 7.0, 9.0, 30.0))


# ---------------------------------------------------------------- faults


def kill(world: World, rng: Random, at: float) -> None:
    host = _some(world, rng)
    world.at(at, host.lose_power)
    world.at(at + _for(rng), host.switch_on)


def kill_agent(world: World, rng: Random, at: float) -> None:
    host = _some(world, rng)
    world.at(at, host.kill_agent)
    world.at(at + _for(rng), host.start_agent)


def kill_server(world: World, rng: Random, at: float) -> None:
    world.at(at, _some(world, rng).kill_server)


def stop_agent(world: World, rng: Random, at: float) -> None:
    host, span = _some(world, rng), _for(rng)

    def stop() -> None:
        host.paused_until = max(host.paused_until, min(world.t + span, HEALED))

    world.at(at, stop)


def pause_machine(world: World, rng: Random, at: float) -> None:
    """All its clocks stand still; only the check in the data path is safe then (M7)."""
    host = _some(world, rng)
    world.chances.by_edge = True
    world.at(at, pause, world, host)
    world.at(at + _for(rng), host.resume_machine)


def pause(world: World, host: Host) -> None:
    if host.power:
        host.clock.pause(world.t)


def cut(world: World, rng: Random, at: float) -> None:
    """A host from the control plane, from a peer, or from everybody; one way or both."""
    host = _some(world, rng)
    peers = [one.name for one in world.others(host)]
    others = rng.choice((["G"], ["G"], peers, ["G", *peers]))
    until = min(at + _for(rng), HEALED)
    ways = rng.choice((1, 2, 3, 3))
    for other in others:
        if ways & 1:
            world.at(at, world.cut, host.name, other, until)
        if ways & 2:
            world.at(at, world.cut, other, host.name, until)


def isolate(world: World, rng: Random, at: float) -> None:
    """From everybody, for good or until just about when its lease has ended; from its peers
    perhaps for longer."""
    host = _some(world, rng)
    until = rng.choice((HEALED, at + FAST.span + rng.random() * 2.0))
    longer = rng.choice((until, HEALED))
    for other in ("G", *(one.name for one in world.others(host))):
        end = until if other == "G" else longer
        world.at(at, world.cut, host.name, other, end)
        world.at(at, world.cut, other, host.name, end)


def glimpse(world: World, rng: Random, at: float) -> None:
    """Cut from the control plane for just about a lease, seen again for a moment, cut again:
    it is renewed between the decision that its lease ended and that decision's commit."""
    host = _some(world, rng)
    back = at + FAST.length + rng.random() * 2.0
    again = back + rng.choice((0.1, 0.6, 1.2))
    peers = rng.random() < 0.5
    others = ["G", *(one.name for one in world.others(host))] if peers else ["G"]
    for other in others:
        for start, end in ((at, back), (again, HEALED)):
            world.at(start, world.cut, host.name, other, end)
            world.at(start, world.cut, other, host.name, end)


def delay(world: World, rng: Random, at: float) -> None:
    """What it is told comes late and out of order; often that is how a cut begins."""
    host, extra = _some(world, rng), rng.choice((0.5, 1.5, 4.0))
    until = at + rng.choice((1.0, 3.0))
    world.slowest = max(world.slowest, extra)
    for other in ("G", *(one.name for one in world.others(host))):
        world.at(at, world.late.__setitem__, (other, host.name), (until, extra))
        if rng.random() < 0.3:
            world.at(at, world.late.__setitem__, (host.name, other), (until, extra))
    if rng.random() < 0.7:
        isolate(world, rng, until)


def jump(world: World, rng: Random, at: float) -> None:
    clock = rng.choice([world.hosts["A"].clock, *world.clocks()])

    def step() -> None:
        clock.jump += rng.choice((-300.0, -20.0, -3.0, 3.0, 20.0, 300.0))

    world.at(at, step)


def noise(world: World, rng: Random, at: float) -> None:
    world.noise_until = max(world.noise_until, min(at + _for(rng), HEALED))


def stop_rows(world: World, rng: Random, at: float) -> None:
    """The control plane's database fails over, and may have lost renewals (B3, G)."""
    rows = world.plane.rows
    kept = rng.random() < 0.5
    before: list[object] = []

    def stop() -> None:
        rows.is_up = False

    def start() -> None:
        if not rows.is_up:
            rows.is_up = True
            rows.identity += 1
            lease = before[0] if before else None
            now = rows.lease
            if not kept and now is not None and isinstance(lease, type(now)):
                same = (lease.epoch, lease.replica, lease.revoked)
                if same == (now.epoch, now.replica, now.revoked):
                    rows.lease = lease

    world.at(max(0.1, at - rng.random() * 2.0), lambda: before.append(rows.lease))
    world.at(at, stop)
    world.at(min(at + _for(rng), HEALED), start)


def stop_gateway(world: World, rng: Random, at: float) -> None:
    def stop() -> None:
        world.plane.is_gateway_up = False

    world.at(at, stop)
    world.at(min(at + _for(rng), HEALED), world.plane.restart_gateway)


def stop_decider(world: World, rng: Random, at: float) -> None:
    decider, span = rng.choice(world.deciders), _for(rng)

    def stop() -> None:
        decider.paused_until = max(decider.paused_until, min(world.t + span, HEALED))

    world.at(at, stop)


def kill_decider(world: World, rng: Random, at: float) -> None:
    decider = rng.choice(world.deciders)

    def stop() -> None:
        decider.is_up = False

    world.at(at, stop)
    world.at(min(at + _for(rng), HEALED), start_decider, world, decider)


def start_decider(world: World, decider: Decider) -> None:
    if not decider.is_up:
        decider.is_up = True
        decider.forget()
        decider.tick(decider.run)


def switch(world: World, rng: Random, at: float) -> None:
    """A person presses it, with what the leading decider knows."""

    def press() -> None:
        rows = world.plane.rows
        decider = next((one for one in world.deciders if one.name == rows.leader), None)
        if decider is None or not decider.is_up or not rows.is_up:
            return
        now = decider.clock.now(world.t)
        target = next(name for name in world.hosts if name != rows.database.primary)
        if not refuse_switchover(decider._facts(now), POLICY, now, target=target):
            world.tell(f"switchover to {target}")
            decider.begin(FailoverKind.SWITCHOVER, target)
            rows.began = world.t

    world.at(at, press)


FAULTS: tuple[Fault, ...] = (
    kill, kill, kill_agent, kill_server, stop_agent, stop_agent, pause_machine, cut, cut, cut,
    isolate, isolate, isolate, glimpse, delay, delay, jump, jump, jump, noise, stop_rows,
    stop_gateway, stop_decider, kill_decider, switch,
)  # fmt: skip


# ---------------------------------------------------------------- one lasting fault each


def lose_host(world: World, rng: Random, at: float) -> None:
    world.at(at, world.hosts["A"].lose_power)


def lose_agent(world: World, rng: Random, at: float) -> None:
    world.at(at, world.hosts["A"].kill_agent)


def lose_sight(world: World, rng: Random, at: float) -> None:
    """Cut from everybody; its users still reach it (3.3 C)."""
    _cut_all(world, at, ways=3)


def lose_way_back(world: World, rng: Random, at: float) -> None:
    """It is heard, and hears nobody (3.3 D)."""
    _cut_all(world, at, ways=2)


def lose_leader_too(world: World, rng: Random, at: float) -> None:
    """L-2: the decider that leads dies with the host; its regrace stands for the first span."""
    world.at(at, world.hosts["A"].lose_power)
    world.gaps_from = at + FAST.leader
    world.at(at, setattr, world.deciders[0], "is_up", False)


def _cut_all(world: World, at: float, *, ways: int) -> None:
    for other in ("G", *(one.name for one in world.others(world.hosts["A"]))):
        if ways & 1:
            world.at(at, world.cut, "A", other, 1e9)
        if ways & 2:
            world.at(at, world.cut, other, "A", 1e9)


LASTING: tuple[Fault, ...] = (lose_host, lose_agent, lose_sight, lose_way_back, lose_leader_too)


# ---------------------------------------------------------------- healing


def heal(world: World) -> None:
    """Everybody is back at once: agents, servers, machines, links, deciders."""
    world.cuts.clear()
    world.chances.loss = 0.0
    world.chances.slow = 0.0
    world.plane.rows.is_up = True
    world.plane.is_gateway_up = True
    for host in world.hosts.values():
        host.resume_machine()
        host.switch_on()
        host.start_agent()
    for decider in world.deciders:
        start_decider(world, decider)
