"""Eighteen schedules of `make chaos-failover` in every full run: nine behind the watchdogs' gate,
nine behind the kernel's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos_failover.__main__ import DATABASES, rounds, stack_in
from tests.chaos_failover.plan import plan_schedule
from tests.chaos_failover.rounds import play
from tests.needs import needs
from tests.support.stack import Stack

SEED = 2
NEEDED = {
    "relay": ("faketime",),
    "netns": ("faketime", "root", "ip", "nft", "network namespaces"),
}
PLAYED = [
    pytest.param(
        mode, numbers, id=f"{mode}-{numbers[0]}", marks=pytest.mark.xdist_group(f"schedules-{mode}")
    )
    for mode, first in (("relay", 1), ("netns", 10))
    for numbers in rounds(list(range(first, first + 9)))
]

pytestmark = pytest.mark.timeout(800)


@pytest.fixture(scope="module")
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    mode = request.param
    needs(*NEEDED[mode])
    with stack_in(str(tmp_path_factory.mktemp("chaos")), mode) as stack:
        yield stack


@pytest.mark.parametrize(("stack", "numbers"), PLAYED, indirect=["stack"])
def test_whatever_befalls_one_server_of_a_database_accepts_writes_and_all_is_whole_again(
    stack: Stack, numbers: list[int]
) -> None:
    results = play(stack, SEED, [plan_schedule(SEED, each, DATABASES) for each in numbers])
    assert [fault for one in results for fault in one.faults] == [], results
    assert all(one.acknowledged for one in results)
