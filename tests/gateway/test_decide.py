"""Who watches whom."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recovery.gateway.decide import ELSEWHERE, OBSERVERS, Watcher, choose_observers, watches


def fleet_of(sizes: list[int]) -> list[Watcher]:
    return [
        Watcher(f"{site}-{n}", f"dc{site}", f"dc{site}-r{n % 2}")
        for site, size in enumerate(sizes)
        for n in range(size)
    ]


@given(st.lists(st.integers(0, 8), min_size=1, max_size=5))
def test_every_host_is_watched_by_others_and_mostly_from_elsewhere(sizes: list[int]) -> None:
    fleet = fleet_of(sizes)
    for target in fleet:
        chosen = choose_observers(target, fleet)
        away = [w for w in fleet if w.datacenter != target.datacenter]
        assert target.host not in chosen
        assert len(set(chosen)) == len(chosen) == min(OBSERVERS, len(fleet) - 1)
        assert sum(w.host in chosen for w in away) >= min(ELSEWHERE, len(away))


def test_nobody_of_the_same_rack_watches_while_there_are_others() -> None:
    fleet = fleet_of([4, 4, 4])
    racks = {w.host: w.rack for w in fleet}
    for target in fleet:
        assert target.rack not in {racks[o] for o in choose_observers(target, fleet)}


def test_one_host_more_moves_few_watches() -> None:
    before = watches(fleet_of([10, 10, 10]))
    after = watches(fleet_of([10, 10, 11]))
    kept = sum(len(set(before[o]) & set(after[o])) for o in before)
    assert kept / sum(map(len, before.values())) > 0.85
