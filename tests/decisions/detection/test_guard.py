"""The brake at its boundaries, and over every subset of losses of small fleets (I-BR-1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import combinations
from random import Random

import pytest

from recovery.detection.facts import Blindness, Loss, Shape, Step
from recovery.detection.guard import guard, wait_for_company
from recovery.detection.policy import Policy

POLICY = Policy()
Host = tuple[str, str, int]


def fleet(places: int, racks: int, per_rack: int) -> list[Host]:
    return [
        (f"D{place}", f"D{place}/r{rack}", at)
        for place in range(places)
        for rack in range(racks)
        for at in range(per_rack)
    ]


def shape(hosts: Iterable[Host], *, fits: bool = True) -> Shape:
    hosts = list(hosts)
    racks = Counter(rack for _, rack, _ in hosts)
    return Shape(len(hosts), Counter(p for p, _, _ in hosts), racks, dict.fromkeys(racks, fits))


def lost(hosts: Iterable[Host], *, age: float = 0.0, **more: bool) -> list[Loss]:
    return [
        Loss(f"{r}/{n}", p, frozenset({r}), age, is_confirmed=more.get("confirmed", True))
        for p, r, n in hosts
    ]


LAB = fleet(3, 2, 2)


def test_all_subsets_of_the_lab_follow_the_rule() -> None:
    """12 hosts, 4,095 subsets: at most two go on, a datacenter always asks."""
    for size in range(1, len(LAB) + 1):
        for gone in combinations(LAB, size):
            ruling = guard(lost(gone), shape(LAB), POLICY)
            assert (ruling.step is Step.ALLOW) == (size <= 2), gone
            assert ruling.reasons


@pytest.mark.parametrize("seed", range(40))
def test_random_losses_of_forty_hosts_never_pass_beyond_the_limits(seed: int) -> None:
    """Racks of four, datacenters of 8 to 20: absolute, relative and correlated at once."""
    rng = Random(seed)
    hosts = fleet(rng.choice((2, 3, 5)), rng.choice((2, 3)), 4)
    for _ in range(250):
        gone = rng.sample(hosts, rng.randint(1, len(hosts)))
        ruling = guard(lost(gone), shape(hosts), POLICY)
        by_place = Counter(place for place, _, _ in gone)
        sizes = Counter(place for place, _, _ in hosts)
        whole_place = any(by_place[place] == sizes[place] for place in by_place)
        limit = max(2, int(min(sizes[place] for place in by_place) * 0.2))
        one_rack = len({rack for _, rack, _ in gone}) == 1 and len(gone) == 4
        if whole_place:
            assert ruling.step is Step.ASK
        elif len(gone) <= limit:
            assert ruling.step is Step.ALLOW
        else:
            assert (ruling.step is Step.PACE) == one_rack
            assert ruling.step is not Step.ALLOW


def test_a_loss_spread_evenly_over_three_datacenters_is_a_storm() -> None:
    hosts = fleet(3, 10, 10)
    gone = [host for place in range(3) for host in hosts[place * 100 : place * 100 + 50]]
    ruling = guard(lost(gone), shape(hosts), POLICY)
    assert (ruling.step, ruling.is_storm) == (Step.ASK, True)


def test_a_tenth_of_a_large_fleet_outside_one_rack_asks_even_within_the_share() -> None:
    hosts = fleet(1, 10, 6)
    assert guard(lost(hosts[:7]), shape(hosts), POLICY).step is Step.ASK
    assert guard(lost(hosts[:6:2]), shape(hosts), POLICY).step is Step.ALLOW


def test_a_datacenter_of_one_host_asks() -> None:
    hosts = [*fleet(2, 2, 4), ("solo", "solo/r0", 0)]
    ruling = guard(lost([hosts[-1]]), shape(hosts), POLICY)
    assert ruling.step is Step.ASK
    assert "a datacenter always asks" in ruling.reason


def test_a_whole_rack_goes_on_paced_only_confirmed_and_fitting() -> None:
    hosts = fleet(3, 3, 4)
    rack = [host for host in hosts if host[1] == "D1/r1"]
    assert guard(lost(rack), shape(hosts), POLICY).step is Step.PACE
    assert guard(lost(rack), shape(hosts, fits=False), POLICY).step is Step.ASK
    assert guard(lost(rack, confirmed=False), shape(hosts), POLICY).step is Step.ASK
    assert guard(lost(rack[:3]), shape(hosts), POLICY).step is Step.ASK
    elsewhere = [host for host in hosts if host[0] == "D2"][:1]
    assert guard(lost(rack + elsewhere), shape(hosts), POLICY).step is Step.ASK


def test_losses_older_than_the_window_do_not_count_at_once_but_in_all() -> None:
    hosts = fleet(3, 2, 4)
    old = lost([hosts[0], hosts[9], hosts[17]], age=121.0)
    assert guard([*old, *lost([hosts[4]])], shape(hosts), POLICY).step is Step.ALLOW
    more = lost([hosts[12], hosts[20]], age=500.0)
    ruling = guard([*old, *more, *lost([hosts[4]])], shape(hosts), POLICY)
    assert ruling.step is Step.ASK
    assert "in all" in ruling.reason


def test_one_host_every_twenty_seconds_trips_the_guard_although_no_window_does() -> None:
    """100 of 1,000 hosts lost slowly: each window holds six, of 200 that a datacenter may lose."""
    hosts = fleet(1, 50, 20)
    shapes = shape(hosts)
    order = Random(1).sample(hosts, 140)
    stopped = None
    for at in range(len(order)):
        losses = [
            loss
            for n, host in enumerate(order[: at + 1])
            for loss in lost([host], age=20.0 * (at - n))
        ]
        if guard(losses, shapes, POLICY).step is not Step.ALLOW:
            stopped = at
            break
    assert stopped == 100


def test_hosts_that_came_back_still_count_in_the_window() -> None:
    hosts = fleet(3, 2, 2)
    back = [Loss("a", "D0", frozenset({"D0/r0"}), 60.0, False), *lost(hosts[4:6])]
    assert guard(back, shape(hosts), POLICY).step is Step.ASK


def test_a_pause_and_blindness_ask_before_anything_else() -> None:
    one = lost(LAB[:1])
    assert guard(one, shape(LAB), POLICY, paused="works").step is Step.ASK
    assert guard(one, shape(LAB), POLICY, blind=Blindness(("no digest",))).step is Step.ASK


def test_the_order_of_losses_does_not_matter() -> None:
    gone = lost(LAB[:5])
    rulings = {guard(Random(n).sample(gone, 5), shape(LAB), POLICY).reasons for n in range(20)}
    assert len(rulings) == 1


def test_a_loss_waits_for_neighbours_that_were_not_heard_since_it_was_down() -> None:
    loss = Loss("a", "D0", frozenset({"D0/r0"}), 0.2, known_for=1.0)
    lab = shape(LAB)
    assert wait_for_company(loss, 1, [0.4, 0.5, 0.2], lab, POLICY) is None
    waits = wait_for_company(loss, 1, [1.1, 1.3, 1.0], lab, POLICY)
    assert waits is not None
    assert waits.step is Step.WAIT
    late = Loss("a", "D0", frozenset({"D0/r0"}), 2.0, known_for=3.0)
    assert wait_for_company(late, 1, [1.1, 1.3, 1.0], lab, POLICY) is None
