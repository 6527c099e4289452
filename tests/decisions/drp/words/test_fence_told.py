"""What is said of a fence stays readable, and fits a frame, however much stands in a datacenter."""

from __future__ import annotations

from recovery.core import wire
from recovery.drp.hands.closing import Standing
from recovery.drp.hands.fencing import MOST_NAMED, told_of

SAID = "orders-{} on par1-r1-h1: its lease ends in 12.3 s, and orders-2 on par1-r2-h1 may promise."


def test_ten_thousand_databases_are_told_in_one_frame() -> None:
    kinds = [Standing.WAITS, Standing.UNPROVEN, Standing.PROVEN, Standing.ASK]
    looked = [(kinds[n % 4], SAID.format(n)) for n in range(10_000)]
    told = told_of(looked, "PAR1", 10_000)
    assert len(told.encode()) < wire.MAX_FRAME // 4
    assert "2500 of 10000 databases are proven not to be written to there." in told
    waits, doubts = told.split(" Not proven: ")
    assert waits.count("may promise.") == doubts.count("may promise.") == MOST_NAMED
    assert waits.endswith(f"And {5000 - MOST_NAMED} more.")
    assert doubts.endswith(f"And {2500 - MOST_NAMED} more.")


def test_a_few_are_all_named() -> None:
    looked = [(Standing.WAITS, "One waits."), (Standing.UNPROVEN, "One is not known.")]
    assert told_of(looked, "PAR1", 2) == (
        "Nothing starts on the 2 hosts of PAR1. 0 of 2 databases are proven not to be written to"
        " there. One waits. Not proven: One is not known."
    )
