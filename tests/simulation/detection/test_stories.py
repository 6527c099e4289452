"""One fault at a time: the verdict is right, in time, and nothing else moves."""

from __future__ import annotations

from random import Random

import pytest

from recovery.inventory.facts import Replace, Verdict
from tests.simulation.detection.world import US, Cut, Settings, World

LAB = {"hosts_per_rack": 2, "racks": 2, "places": 3}


def lab(seed: int, **more: float) -> World:
    """Twelve hosts in three datacenters of two racks each, as in the lab."""
    return World(Settings(seed=seed, **{**LAB, **more}))  # type: ignore[arg-type] # plain fields


def rack_of(world: World, host: str) -> set[str]:
    return {one.name for one in world.machines.values() if one.rack == world.machines[host].rack}


@pytest.mark.parametrize("seed", range(60))
def test_a_crash_is_a_loss_within_three_seconds(seed: int) -> None:
    world = lab(seed, until=6.0)
    at = 2.0 + Random(seed).random()
    world.machines["dc1-00"].killed = at
    world.run()
    lost = world.when("dc1-00", Verdict.LOST)
    assert lost is not None
    assert lost - at <= 3.0
    assert {host for _, change in world.history for host in [change.host]} == {"dc1-00"}
    assert world.standing["dc1-00"][2] is Replace.ALLOWED


def test_with_five_percent_loss_a_crash_is_still_a_loss_within_four_seconds() -> None:
    waits = []
    for seed in range(60):
        world = lab(seed, until=8.0, datagram_loss=0.05)
        world.machines["dc0-10"].killed = 2.0 + seed / 60
        lost = world.run().when("dc0-10", Verdict.LOST)
        assert lost is not None
        waits.append(lost - 2.0 - seed / 60)
    assert max(waits) <= 4.0


@pytest.mark.parametrize("seed", range(2))
def test_half_an_hour_of_losses_and_pauses_moves_nothing(seed: int) -> None:
    """5 % of datagrams lost, an agent paused for 2 s every 20 s: suspicion at most."""
    world = lab(seed, until=1800.0, datagram_loss=0.05)
    rng = Random(seed)
    for at in range(10, 1790, 20):
        one = rng.choice(list(world.machines.values()))
        start = at + rng.random()
        one.pauses.append((start, start + 2.0))
    world.run()
    judged = {change.after for _, change in world.history}
    assert not judged & {Verdict.LOST, Verdict.HUNG, Verdict.UNKNOWN, Verdict.ISOLATED}
    assert {change.replace for _, change in world.history} <= {Replace.NONE}
    assert all(world.now - at < 15.0 for _, at, _ in world.standing.values())


def test_a_hanging_host_is_hung_and_replaced() -> None:
    world = lab(3, until=12.0)
    world.machines["dc2-01"].containers = 2
    world.machines["dc2-01"].hung = 2.0
    world.run()
    assert world.standing["dc2-01"][0] is Verdict.HUNG
    assert world.standing["dc2-01"][2] is Replace.ALLOWED


def test_a_dead_agent_moves_nothing() -> None:
    world = lab(4, until=20.0)
    world.machines["dc0-00"].agent_dead = 2.0
    world.run()
    assert [after for _, after in world.changes("dc0-00")] == [Verdict.SUSPECT, Verdict.AGENT_DOWN]
    assert world.standing["dc0-00"][2] is Replace.NONE


def test_a_stopped_agent_moves_nothing() -> None:
    world = lab(5, until=20.0)
    world.machines["dc0-00"].pauses = [(2.0, 100.0)]
    world.run()
    assert world.standing["dc0-00"][0] is Verdict.AGENT_DOWN
    assert world.standing["dc0-00"][2] is Replace.NONE


def test_a_host_cut_off_from_us_alone_is_isolated_and_nothing_moves() -> None:
    world = lab(6, until=20.0)
    name = frozenset({"dc1-01"})
    world.cuts = [Cut(name, frozenset({US}), 2.0, 99.0), Cut(frozenset({US}), name, 2.0, 99.0)]
    world.run()
    assert world.standing["dc1-01"][0] is Verdict.ISOLATED
    assert {change.replace for _, change in world.history} == {Replace.NONE}


@pytest.mark.parametrize("seed", range(20))
def test_a_fully_partitioned_host_is_lost(seed: int) -> None:
    world = lab(seed, until=8.0)
    name = frozenset({"dc1-01"})
    rest = (frozenset(world.machines) | {US}) - name
    world.cuts = [Cut(name, rest, 2.3, 99.0), Cut(rest, name, 2.3, 99.0)]
    world.run()
    assert world.standing["dc1-01"][0] is Verdict.LOST
    assert len(world.standing) == 1


@pytest.mark.parametrize("seed", range(20))
def test_the_third_loss_within_a_minute_is_held_and_one_press_releases_it(seed: int) -> None:
    world = lab(seed, until=20.0)
    for at, host in ((2.0, "dc0-00"), (6.0, "dc1-00"), (10.0, "dc2-00")):
        world.machines[host].killed = at + seed / 20
    world.run()
    grants = {host: grant for host, (_, _, grant) in world.standing.items()}
    assert grants == {
        "dc0-00": Replace.ALLOWED,
        "dc1-00": Replace.ALLOWED,
        "dc2-00": Replace.HELD,
    }
    assert world.decisions[-1][1].is_storm
    assert world.release() == 1
    world.proceed(24.0)
    assert world.standing["dc2-00"][2] is Replace.ALLOWED


@pytest.mark.parametrize("seed", range(20))
def test_a_lost_datacenter_is_one_situation_and_asks(seed: int) -> None:
    world = lab(seed, until=8.0)
    for one in world.machines.values():
        if one.datacenter == "dc1":
            one.killed = 2.0 + seed / 20
    world.run()
    assert {grant for _, _, grant in world.standing.values()} == {Replace.HELD}
    situations = world.decisions[-1][1].situations
    assert [one.key for one in situations] == ["datacenter:dc1"]
    assert situations[0].hypotheses[0].scope.value == "datacenter"


@pytest.mark.parametrize("seed", range(20))
def test_a_whole_rack_that_fits_elsewhere_goes_on_paced(seed: int) -> None:
    world = lab(seed, until=8.0, hosts_per_rack=4, racks=3)
    for one in world.machines.values():
        if one.rack == "dc2/r1":
            one.killed = 2.0 + seed / 20
    world.run()
    assert len(world.standing) == 4
    assert {grant for _, _, grant in world.standing.values()} == {Replace.PACED}
    assert [one.key for one in world.decisions[-1][1].situations] == ["rack:dc2/r1"]


def test_a_stopped_gateway_makes_us_blind_and_changes_nothing() -> None:
    world = lab(7, until=30.0)
    world.gateway_stops = [(2.0, 20.0)]
    world.run()
    assert not world.history
    assert any(decision.blind for at, decision in world.decisions if 4.0 < at < 20.0)
    assert not world.decisions[-1][1].blind


def test_a_cut_of_our_own_uplink_changes_nothing() -> None:
    world = lab(8, until=30.0)
    everyone = frozenset(world.machines)
    world.cuts = [
        Cut(everyone, frozenset({US}), 2.0, 99.0),
        Cut(frozenset({US}), everyone, 2.0, 99.0),
    ]
    world.run()
    assert not [change for _, change in world.history if change.after is not Verdict.SUSPECT]
    assert not [change for _, change in world.history if change.replace is not Replace.NONE]
    assert "us, not them" in " ".join(world.decisions[-1][1].blind.reasons)


def test_after_a_long_pause_of_our_own_nothing_is_judged_at_once() -> None:
    world = lab(9, until=30.0)
    world.controller_pauses = [(2.0, 20.0)]
    world.machines["dc0-00"].killed = 19.0
    world.run()
    assert min(at for at, _ in world.history) >= 22.0
    assert world.standing["dc0-00"][0] is Verdict.LOST


@pytest.mark.parametrize("away", [5.0, 60.0])
def test_a_returning_host_is_believed_only_after_a_steady_while(away: float) -> None:
    world = lab(10, until=away + 30.0)
    one = world.machines["dc1-10"]
    one.killed, one.revived = 2.0, 2.0 + away
    world.run()
    back = world.when("dc1-10", Verdict.ALIVE)
    assert back is not None
    assert 10.0 <= back - one.revived <= 12.0
    assert any(decision.holds for _, decision in world.decisions)
    assert not world.standing


def test_a_provisional_start_needs_one_witness_where_no_second_domain_can_look() -> None:
    """Two racks only: nobody can confirm, a person is asked, stateless copies start meanwhile."""
    world = World(Settings(seed=11, until=20.0, hosts_per_rack=3, racks=2, places=1))
    world.machines["dc0-00"].killed = 2.0
    world.run()
    steps = [(one.after, one.replace) for _, one in world.history]
    assert (Verdict.SUSPECT, Replace.PROVISIONAL) in steps
    assert steps[-1] == (Verdict.UNKNOWN, Replace.HELD)
