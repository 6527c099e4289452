"""Acknowledged numbers are on disk; a gap runs from one acknowledgement to the next."""

from __future__ import annotations

from pathlib import Path

from recovery.lab.databases.gauge import Gauge
from recovery.lab.databases.ledger import Ledger


def test_a_number_is_on_disk_as_soon_as_it_was_acknowledged(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "w" / "orders.ledger")
    number = ledger.next()
    assert Ledger(tmp_path / "w" / "orders.ledger").newest == 0
    ledger.acknowledge(number)
    assert (tmp_path / "w" / "orders.ledger").read_text() == "1\n"


def test_a_new_run_never_tries_a_number_that_an_older_one_may_have_tried(tmp_path: Path) -> None:
    before = Ledger(tmp_path / "l")
    for _ in range(3):
        before.acknowledge(before.next())
    tried_in_vain = {before.next() for _ in range(20)}
    after = Ledger(tmp_path / "l")
    assert after.newest == 3
    assert after.next() == 1001
    assert 1001 not in tried_in_vain


def test_a_line_that_a_crash_cut_short_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "l").write_text("1\n2\n3")
    assert Ledger(tmp_path / "l").newest == 2


def test_the_file_stays_short_and_keeps_the_newest(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l", kept=10)
    for _ in range(45):
        ledger.acknowledge(ledger.next())
    assert len((tmp_path / "l").read_text().splitlines()) < 20
    assert ledger.floor == 35
    assert Ledger(tmp_path / "l", kept=10).missing_from(set(range(40))) == {40, 41, 42, 43, 44, 45}


def test_a_gap_runs_from_the_last_before_to_the_first_after() -> None:
    gauge = Gauge()
    assert gauge.acknowledge(1, 10.0) is None
    assert gauge.acknowledge(2, 10.1) is None
    assert gauge.fail("refused", 10.3)
    assert not gauge.fail("no route", 12.0)
    assert gauge.failing_since == 10.1
    gap = gauge.acknowledge(5, 18.1)
    assert gap is not None
    assert (round(gap.seconds, 3), gap.after, gap.error) == (8.0, 2, "no route")
    assert gauge.failing_since is None


def test_a_gap_that_lasts_is_told_as_long_as_it_is() -> None:
    gauge = Gauge()
    assert gauge.newest(5.0) is None
    gauge.acknowledge(1, 10.0)
    gauge.acknowledge(2, 10.1)
    assert round(gauge.newest(10.15) or 0, 3) == 0.1
    assert round(gauge.newest(14.1) or 0, 3) == 4.0
    gauge.acknowledge(3, 14.1)
    assert round(gauge.newest(24.0) or 0, 3) == 9.9
    assert round(gauge.newest(24.2) or 0, 3) == 10.1


def test_a_database_that_was_never_written_to_fails_from_the_first_try() -> None:
    gauge = Gauge()
    assert gauge.fail("refused", 3.0)
    assert gauge.failing_since == 3.0
