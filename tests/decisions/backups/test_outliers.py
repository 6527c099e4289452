"""A backup that is unlike those before it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.backups.facts import Run
from recovery.backups.outliers import outlier

MIB = 1024 * 1024


def runs(*sizes: float, seconds: float = 30.0) -> list[Run]:
    return [Run(f"run-{n}", int(size * MIB), seconds) for n, size in enumerate(sizes)]


def test_a_backup_that_shrank_to_nothing_is_told_of() -> None:
    said = outlier(runs(100, 101, 102, 103, 104, 0.2))
    assert said == "Backup run-5 is unusual: it has 204.8 KiB, 102.0 MiB are usual."


def test_a_backup_that_took_ten_times_as_long_is_told_of() -> None:
    slow = [*runs(100, 100, 100, 100, 100), Run("slow", 100 * MIB, 300.0)]
    assert outlier(slow) == "Backup slow is unusual: it took 300 s, 30 s are usual."


def test_a_database_that_grows_is_usual() -> None:
    assert outlier(runs(100, 101, 103, 104, 106, 108)) == ""


def test_runs_that_were_alike_to_the_byte_do_not_make_the_next_byte_unusual() -> None:
    assert outlier(runs(100, 100, 100, 100, 100, 100.1)) == ""


def test_before_there_is_a_usual_nothing_is_unusual() -> None:
    assert outlier(runs(100, 100, 100, 100, 1)) == ""
    assert outlier([]) == ""


@settings(deadline=None)
@given(st.lists(st.floats(1, 1000), min_size=6, max_size=30), st.integers(0, 4))
def test_one_odd_backup_does_not_make_the_next_usual_one_an_outlier(
    sizes: list[float], place: int
) -> None:
    usual = [200.0] * 8
    usual[place] = sizes[0]
    assert outlier(runs(*usual, 200.0)) == ""
