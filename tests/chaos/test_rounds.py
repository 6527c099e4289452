"""Two rounds of `make chaos` in every test run, and the plan's promise to replay."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.chaos.journals import faults_of
from tests.chaos.plan import Round, Strike, plan_round
from tests.chaos.rounds import play
from tests.support.stack import whole_stack

HOSTS = [f"host-{number}" for number in range(12)]
SEED = 2
HARD = (
    Round(1, "", "kill", (Strike(0.5, "gateway"), Strike(2.6, "controller"),
          Strike(3.5, "postgres"), Strike(6.0, "notifier")), (Strike(1.0, "web"),)),
    Round(2, "", "partition", (Strike(2.0, "valkey"), Strike(3.0, "controller-2"),
          Strike(4.0, "worker"), Strike(5.0, "edge"), Strike(6.0, "beat")),
          (Strike(2.0, "gateway"),)),
)  # fmt: skip
"""Between them they hit every process, in the seconds in which a loss is judged and replaced."""


def test_a_seed_and_a_number_name_one_round() -> None:
    again = [plan_round(SEED, number, HOSTS[::-1]) for number in range(50)]
    assert again == [plan_round(SEED, number, HOSTS) for number in range(50)]


def test_rounds_differ_and_strike_everything() -> None:
    rounds = [plan_round(SEED, number, HOSTS) for number in range(100)]
    struck = {each.process for one in rounds for each in (*one.while_lost, *one.while_back)}
    assert len(struck) == 12
    assert {one.loss for one in rounds} == {"kill", "partition", "hang"}


def test_a_journal_that_acted_twice_or_for_another_is_a_fault() -> None:
    journals = {"a": Counter({"once": 1, "twice": 2, "foreign": 1, "ghost": 1, "taken back": 1})}
    rows = {
        "once": ("a", "done"),
        "twice": ("a", "done"),
        "foreign": ("b", "done"),
        "taken back": ("a", "withdrawn"),
    }
    assert faults_of(journals, rows) == [
        "a acted 2 times upon operation twice",
        "a acted upon operation foreign of b",
        "a acted upon operation ghost of nobody",
        "a acted upon operation taken back, which is withdrawn",
    ]


@pytest.mark.xdist_group("lab")
@pytest.mark.timeout(900)
def test_after_kill_nine_of_everything_during_two_losses_all_is_whole(tmp_path: Path) -> None:
    with whole_stack(tmp_path / "var") as stack:
        for plan, host in zip(HARD, ("par1-a1", "osu2-b2"), strict=True):
            one = Round(plan.number, host, plan.loss, plan.while_lost, plan.while_back)
            result = play(stack, SEED, one)
            assert result.faults == [], result
