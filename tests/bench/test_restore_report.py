"""What the benchmark of a restore says of its targets."""

from __future__ import annotations

from tests.bench.restore_cost import Cpu
from tests.bench.restore_report import Round, is_met, summary, told


def found(restore: float, *, together: float = 1000e6, misses: float = 0.1) -> Round:
    costs = [Cpu(1.0, 0.5)] * 5
    return Round(
        2000e6, 1200e6, 3000e6, together, restore, 3.0, [misses] * 10, 1_000_000_000, costs
    )


def test_the_target_as_it_is_written_is_told_beside_the_one_that_is_judged() -> None:
    rounds = [found(850e6)]
    alone, least, *_ = summary(rounds)
    assert "each alone: 0.71; target 0.8: missed" in alone
    assert "the three at once: 0.85; target 0.8: met" in least
    assert is_met(rounds)
    assert "(0.71 of the least of each alone, 0.85 of the least with" in told("a", rounds[0])


def test_three_that_are_faster_at_once_than_one_of_them_alone_raise_no_limit() -> None:
    assert found(950e6, together=1500e6).of_least == found(950e6).of_alone


def test_half_of_the_rounds_below_the_target_or_words_that_are_wrong_miss_it() -> None:
    assert is_met([found(700e6), found(850e6), found(810e6)])
    assert not is_met([found(700e6), found(750e6), found(810e6)])
    assert not is_met([found(850e6, misses=0.2)])
