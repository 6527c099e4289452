"""Swarms of faults, and the checkers that say what detection must never do under them."""

from __future__ import annotations

from random import Random

from recovery.inventory.facts import Replace, Verdict
from tests.simulation.detection.world import US, Cut, Machine, Settings, World

GRANTS = (Replace.ALLOWED, Replace.PACED, Replace.PROVISIONAL)


def swarm(seed: int) -> World:
    """A run with a random mix of faults in one burst, under random loss and shape."""
    rng = Random(seed * 7919 + 1)
    world = World(
        Settings(
            seed=seed,
            until=rng.choice((9.0, 12.0)),
            hosts_per_rack=rng.choice((1, 2, 2, 4)),
            racks=rng.choice((1, 2, 2, 3)),
            places=rng.choice((1, 2, 3, 3, 3)),
            datagram_loss=rng.choice((0.0, 0.0, 0.05, 0.2)),
            warm=rng.random() < 0.8,
            fits=rng.random() < 0.7,
        )
    )
    start = 1.0 if world.settings.warm else rng.choice((1.0, 6.5))
    for _ in range(rng.choice((1, 1, 2, 2, 3, 5))):
        rng.choice(FAULTS)(world, rng, start + rng.random() * rng.choice((0.3, 3.0)))
    return world.run()


def kill(world: World, rng: Random, at: float) -> None:
    _some(world, rng).killed = at


def kill_rack(world: World, rng: Random, at: float) -> None:
    rack = _some(world, rng).rack
    for one in world.machines.values():
        if one.rack == rack:
            one.killed = min(one.killed, at)


def kill_datacenter(world: World, rng: Random, at: float) -> None:
    place = _some(world, rng).datacenter
    for one in world.machines.values():
        if one.datacenter == place:
            one.killed = min(one.killed, at)


def hang(world: World, rng: Random, at: float) -> None:
    _some(world, rng).hung = at


def kill_agent(world: World, rng: Random, at: float) -> None:
    _some(world, rng).agent_dead = at


def pause_agents(world: World, rng: Random, at: float) -> None:
    for one in world.machines.values():
        if rng.random() < 0.3:
            one.pauses.append((at, at + rng.choice((0.5, 1.0, 2.0, 2.5, 4.0))))


def cut_from_us(world: World, rng: Random, at: float) -> None:
    """One host, or many, cannot reach us, one way or both; peers are not concerned."""
    many = rng.random() < 0.4
    names = frozenset(
        one.name for one in world.machines.values() if rng.random() < (0.6 if many else 0.1)
    )
    end = at + rng.choice((2.0, 5.0, 60.0))
    world.cuts.append(Cut(names, frozenset({US}), at, end))
    if rng.random() < 0.6:
        world.cuts.append(Cut(frozenset({US}), names, at, end))


def cut_between_datacenters(world: World, rng: Random, at: float) -> None:
    """One datacenter cannot speak to the others (one way or both); all speak to us."""
    place = _some(world, rng).datacenter
    inside = frozenset(one.name for one in world.machines.values() if one.datacenter == place)
    outside = frozenset(world.machines) - inside
    world.cuts.append(Cut(inside, outside, at, at + 60))
    if rng.random() < 0.6:
        world.cuts.append(Cut(outside, inside, at, at + 60))


def cut_host(world: World, rng: Random, at: float) -> None:
    """A full partition of one host: to everybody else it is lost."""
    name = frozenset({_some(world, rng).name})
    rest = (frozenset(world.machines) | {US}) - name
    end = at + rng.choice((1.5, 3.0, 60.0))
    world.cuts += [Cut(name, rest, at, end), Cut(rest, name, at, end)]


def stop_gateway(world: World, rng: Random, at: float) -> None:
    world.gateway_stops.append((at, at + rng.choice((0.7, 1.5, 4.0, 60.0))))


def pause_controller(world: World, rng: Random, at: float) -> None:
    world.controller_pauses.append((at, at + rng.choice((0.3, 1.0, 3.0))))


def blip_then_pause(world: World, rng: Random, at: float) -> None:
    """Peers lose sight of a host for a moment, their all-clear is lost, then its agent sleeps."""
    one = _some(world, rng)
    peers = frozenset(world.machines) - {one.name}
    world.cuts += [
        Cut(frozenset({one.name}), peers, at, at + 1.2),
        Cut(peers, frozenset({one.name}), at, at + 1.2),
    ]
    world.mute.append((at + 1.7, at + 8.0))
    one.pauses.append((at + 2.5, at + 6.0))


FAULTS = (
    kill,
    kill,
    kill_rack,
    kill_datacenter,
    hang,
    kill_agent,
    pause_agents,
    pause_agents,
    cut_from_us,
    cut_between_datacenters,
    cut_host,
    stop_gateway,
    pause_controller,
    blip_then_pause,
)


def _some(world: World, rng: Random) -> Machine:
    return rng.choice(list(world.machines.values()))


# ------------------------------------------------------------------ checkers


def breaches(world: World) -> list[str]:
    """Everything that went wrong in a run, as sentences; empty is good."""
    return [
        *_false_losses(world),
        *_baseless_starts(world),
        *_changes_while_blind(world),
        *_too_many_grants(world),
        *_gone_datacenter_replaced(world),
        *_believed_too_early(world),
    ]


def has_cause(world: World, one: Machine, now: float) -> bool:
    """Dead, or in the last seconds cut off from somebody outside its rack who could have told."""
    if any(not one.kernel_lives(at) for at in (now, now - 1.0, now - 2.0)):
        return True
    others = [peer for peer in world.machines.values() if peer.rack != one.rack]
    for ago in (0.0, 0.5, 1.0, 1.5):
        apart = [
            peer
            for peer in others
            if not (
                world.reaches(one.name, peer.name, now - ago)
                and world.reaches(peer.name, one.name, now - ago)
            )
            or not peer.agent_runs(now - ago)
        ]
        if len({peer.rack for peer in apart}) >= 2:
            return True
    return False


def _false_losses(world: World) -> list[str]:
    """A host that lives and is in touch with its peers is never called lost; nor one that
    serves, hung. Fewer than two racks elsewhere never suffice for either."""
    found = []
    for at, change in world.history:
        if change.after is change.before:
            continue
        one = world.machines[change.host]
        racks = {peer.rack for peer in world.machines.values()} - {one.rack}
        if change.after is Verdict.LOST:
            if not has_cause(world, one, at):
                found.append(f"{at:.1f} {change.host} called lost while it lives: {change.reason}")
            if len(racks) < 2:
                found.append(f"{at:.1f} {change.host} called lost by {len(racks)} racks")
            if _is_seen_from_outside(world, one, at):
                found.append(f"{at:.1f} {change.host} called lost, but others see it")
        if change.after is Verdict.HUNG and one.serves(at) and one.serves(at - 2.0):
            found.append(f"{at:.1f} {change.host} called hung while it serves")
    return found


def _is_seen_from_outside(world: World, one: Machine, at: float) -> bool:
    """For two seconds more than half of the other racks' healthy agents could reach it."""
    if not all(one.serves(at - ago) for ago in (0.0, 1.0, 2.0)):
        return False
    others = [peer for peer in world.machines.values() if peer.rack != one.rack]
    able = [
        peer
        for peer in others
        if all(
            peer.agent_runs(at - ago)
            and world.reaches(peer.name, US, at - ago)
            and world.reaches(US, peer.name, at - ago)
            and world.reaches(peer.name, one.name, at - ago)
            and world.reaches(one.name, peer.name, at - ago)
            for ago in (0.0, 0.5, 1.0, 1.5, 2.0)
        )
    ]
    return len(able) * 2 > len(others)


def _baseless_starts(world: World) -> list[str]:
    """A provisional start needs a host that was out of somebody's reach."""
    found = []
    for at, change in world.history:
        one = world.machines[change.host]
        if change.replace is not Replace.PROVISIONAL or not one.serves(at - 2.0):
            continue
        if one.serves(at) and _is_seen_from_outside(world, one, at):
            found.append(f"{at:.1f} {change.host} started provisionally while it serves")
    return found


def _changes_while_blind(world: World) -> list[str]:
    """No change while the digest is missing, right after a gap of our own, or at the start."""
    found = []
    for at, change in world.history:
        for start, end in world.gateway_stops:
            if start + 1.5 < at < end + 3.0:
                found.append(f"{at:.1f} {change.host} judged without a digest since {start:.1f}")
        for start, end in world.controller_pauses:
            if end - start > 0.8 and end <= at < end + 2.0:
                found.append(f"{at:.1f} {change.host} judged right after our own pause")
        if not world.settings.warm and at < 5.0:
            found.append(f"{at:.1f} {change.host} judged right after the start")
    return found


def _too_many_grants(world: World) -> list[str]:
    """At most two hosts, or 20 % of a datacenter, or one whole rack that fits, without a person."""
    granted = {
        change.host
        for _, change in world.history
        if change.replace in GRANTS and change.before is not Verdict.ALIVE
    }
    size = world.settings.hosts_per_rack * world.settings.racks
    racks = {world.machines[host].rack for host in granted}
    if len(granted) <= max(2, int(size * 0.2)):
        return []
    if len(racks) == 1 and world.settings.fits and len(granted) >= world.settings.hosts_per_rack:
        return []
    return [f"{len(granted)} hosts were granted without a person: {sorted(granted)}"]


def _gone_datacenter_replaced(world: World) -> list[str]:
    """Of a datacenter that went at once nothing is replaced without a person."""
    found = []
    for place in world.roster.places:
        members = [one for one in world.machines.values() if one.datacenter == place]
        went = [one.killed for one in members]
        if max(went) - min(went) > 0.0 or max(went) == float("inf"):
            continue
        for at, change in world.history:
            inside = world.machines[change.host].datacenter == place
            if inside and at > max(went) and change.replace in GRANTS:
                found.append(f"{at:.1f} {change.host} of the lost {place}: {change.replace_reason}")
    return found


def _believed_too_early(world: World) -> list[str]:
    """A host that was given up is alive again only after a steady while."""
    found = []
    given_up: dict[str, float] = {}
    for at, change in world.history:
        if change.after in (Verdict.LOST, Verdict.HUNG):
            given_up[change.host] = at
        if change.after is Verdict.ALIVE and at - given_up.get(change.host, -100.0) < 5.0:
            found.append(
                f"{at:.1f} {change.host} believed again {at - given_up[change.host]:.1f} s on"
            )
    return found
