"""The log of a restore comes at a pace of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recovery.agent.backups.progress import Progress
from recovery.agent.backups.progress.eta import Flow, Paces, Point, seconds_left

MIB = 1 << 20
KNOWN = Paces(proof=0.0, is_measured=True)


def test_the_log_comes_at_the_pace_of_the_last_restore_and_never_quicker_than_the_base() -> None:
    """It goes through the page cache, the base past it. A slow store slows both."""
    paces = replace(KNOWN, log=8.0)

    def left(*points: Point, now: float, log: float = 8.0) -> float:
        flow = Flow(100, ((0.0, 0), *points))
        known = replace(paces, log=log)
        return seconds_left(flow, flow, Flow(0), known, now=now, proof_since=None, log=40) or 0.0

    proof = KNOWN.proof
    assert left((1.0, 20), now=1.0) == pytest.approx(40 / 20 + 40 / 8 + proof)
    assert left((10.0, 20), now=10.0) == pytest.approx(40 / 2 + 40 / 2 + proof)
    assert left((1.0, 20), now=1.0, log=0.0) == pytest.approx(40 / 20 + 40 / 20 + proof)
    assert left((3.0, 60), now=3.0) == pytest.approx(40 / 8 + proof)
    quarter = left((3.0, 60), (4.0, 70), now=4.0)
    assert 30 / 10 + proof < quarter < 30 / 8 + proof, "what is measured counts the more of it is"
    assert left((3.0, 60), (5.0, 80), now=5.0) == pytest.approx(20 / 10 + proof)


def test_the_logs_pace_is_kept_where_there_was_enough_of_it() -> None:
    progress = Progress()
    progress.begin("fetching the base", total=200 * MIB, replay=100 * MIB, log=100 * MIB)
    progress.came(200 * MIB)
    progress.is_safe(100 * MIB)
    progress.brought()
    progress.proving()
    progress.ended()
    known = progress.measured.paces.log
    assert known > 0
    short = Progress(measured=progress.measured)
    short.begin("fetching the base", total=200 * MIB, replay=MIB, log=MIB)
    short.brought()
    short.proving()
    short.ended()
    assert short.measured.paces.log == known, "a blink of a log says nothing"
