"""Nine schedules of `make chaos-failover` in every full run: three behind the watchdogs' gate,
six behind the kernel's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos_failover.__main__ import DATABASES, rounds, stack_in, tell
from tests.chaos_failover.plan import plan_schedule
from tests.chaos_failover.rounds import Result, play
from tests.needs import needs

SEED = 2
PLAYED = {"relay": range(1, 4), "netns": range(10, 16)}
NEEDED = {
    "relay": ("faketime",),
    "netns": ("faketime", "root", "ip", "nft", "network namespaces"),
}


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("mode", PLAYED)
def test_whatever_befalls_one_server_of_a_database_accepts_writes_and_all_is_whole_again(
    mode: str, tmp_path: Path
) -> None:
    """One Tocsin for all of them, as a round's end is the next one's beginning."""
    needs(*NEEDED[mode])
    results: list[Result] = []
    with stack_in(str(tmp_path), mode) as stack:
        for numbers in rounds(list(PLAYED[mode])):
            plans = [plan_schedule(SEED, number, DATABASES) for number in numbers]
            results += play(stack, SEED, plans)
            for one in results[-len(plans) :]:
                tell(one)
            assert [fault for one in results for fault in one.faults] == []
    assert all(one.acknowledged for one in results)
    assert len(results) == len(PLAYED[mode])
