"""What users saw against what was promised, gap by gap."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from recovery.drp.reports.facts import GapFact, TargetFact
from recovery.drp.reports.measure import BROKEN, KEPT, UNKNOWN, data_lost, recovery_time

LOST = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return LOST + timedelta(seconds=seconds)


ORDERS = TargetFact("database:1", "database", "orders", None, is_measured=True)


def test_a_gap_whose_end_nobody_saw_is_no_recovery_time_and_keeps_no_promise() -> None:
    seen = replace(ORDERS, gaps=(GapFact(at(0), at(40)),))
    assert recovery_time(seen, 60, at(900)).verdict == KEPT
    unseen = replace(ORDERS, gaps=(GapFact(at(0), at(40), is_end_seen=False),))
    found = recovery_time(unseen, 60, at(900))
    assert (found.seconds, found.verdict) == (None, UNKNOWN)
    assert "nobody saw its end" in found.said
    assert recovery_time(unseen, 30, at(900)).verdict == BROKEN, "it was at least as long"


def test_whoever_was_away_meanwhile_vouches_for_no_promise() -> None:
    found = recovery_time(
        replace(ORDERS, gaps=(GapFact(at(0), at(40)),), is_measured=False), 60, at(900)
    )
    assert (found.seconds, found.verdict) == (40.0, UNKNOWN)
    assert "not watched all the time" in found.said
    nothing = recovery_time(replace(ORDERS, is_measured=False), 60, at(900))
    assert (nothing.seconds, nothing.verdict) == (None, UNKNOWN)


def test_a_longer_gap_before_the_loss_or_after_the_restore_hides_no_lost_data() -> None:
    row = replace(ORDERS, restored=True, recovered_to=at(-20), restored_at=at(60))
    one = GapFact(at(0), at(60.5))
    before, after = GapFact(at(-300), at(-200)), GapFact(at(600), at(800))
    for gaps in ((one,), (before, one), (one, after), (before, one, after)):
        assert data_lost(replace(row, gaps=gaps), 60, LOST).seconds == 20.0
    still_out = replace(row, gaps=(before,), out_since=at(0))
    assert data_lost(still_out, 60, LOST).seconds == 20.0
    assert data_lost(row, 60, at(5)).seconds == 25.0, "nobody wrote: until the loss"


def test_a_restored_database_says_what_its_old_host_still_has() -> None:
    left = "What par1-1 had of orders was left there."
    row = replace(ORDERS, restored=True, recovered_to=at(-20), restored_at=at(60), left=left)
    found = data_lost(replace(row, gaps=(GapFact(at(0), at(60.5)),)), 60, LOST)
    assert found.said.endswith(f" {left}")
    assert found.seconds == 20.0
