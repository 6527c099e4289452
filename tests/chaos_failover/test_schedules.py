"""Fifteen schedules of `make chaos-failover` in every full run: five rounds of three databases.

`TOCSIN_LAB_MODE=netns` plays them behind the kernel's gate.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos_failover.__main__ import DATABASES, rounds, stack_in
from tests.chaos_failover.plan import plan_schedule
from tests.chaos_failover.rounds import play
from tests.support.stack import Stack

SEED = 2
SCHEDULES = list(rounds(list(range(1, 16))))

pytestmark = [pytest.mark.xdist_group("lab"), pytest.mark.timeout(700)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_in(str(tmp_path_factory.mktemp("chaos"))) as stack:
        yield stack


@pytest.mark.parametrize("numbers", SCHEDULES, ids=str)
def test_whatever_befalls_one_server_of_a_database_accepts_writes_and_all_is_whole_again(
    stack: Stack, numbers: list[int]
) -> None:
    results = play(stack, SEED, [plan_schedule(SEED, each, DATABASES) for each in numbers])
    assert [fault for one in results for fault in one.faults] == [], results
    assert all(one.acknowledged for one in results)
