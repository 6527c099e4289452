"""Three rounds of `make chaos-drp`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos_drp.__main__ import ground_in
from tests.chaos_drp.people import People
from tests.chaos_drp.plan import plan_round
from tests.chaos_drp.rounds import play

SEED = 1


@pytest.mark.xdist_group("lab")
@pytest.mark.timeout(1200)
def test_runs_under_kill_nine_end_right_do_nothing_twice_and_lose_no_word(tmp_path: Path) -> None:
    with ground_in(str(tmp_path)) as ground:
        for number in (1, 2, 3):
            result = play(People(ground), SEED, plan_round(SEED, number))
            assert result.faults == [], result
