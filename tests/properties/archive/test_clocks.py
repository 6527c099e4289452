"""Whatever the clock of a host does, and whoever stamps the objects: retention takes nothing that
the last days by true time need."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.core.archive import (
    SEGMENT,
    Chunk,
    ManifestName,
    RetentionPolicy,
    backup_name,
    coverage,
    retention,
)
from recovery.core.archive.retention import ago
from recovery.core.ports.stores import ObjectInfo
from tests.decisions.archive.build import LINE, at, info

STEP = 180
"""Minutes from one piece of the log to the next; a base every day."""
DAY = 24 * 60 // STEP
GAP = timedelta(minutes=STEP + 60)
POLICY = RetentionPolicy(backups=1, days=3.0, gap=GAP)
HOURS = st.integers(-20000, 20000)


@dataclass(frozen=True)
class Clock:
    """Of a host: from each of these steps on it is so many hours wrong."""

    jumps: tuple[tuple[int, int], ...]

    def reads(self, step: int) -> datetime:
        wrong = [hours for begin, hours in sorted(self.jumps) if begin <= step]
        return at(step * STEP + 60 * (wrong[-1] if wrong else 0))


CLOCKS = st.lists(st.tuples(st.integers(0, 70), HOURS), max_size=3).map(
    lambda jumps: Clock(tuple(jumps))
)


def came(step: int, clock: Clock, stamps: Clock) -> list[ObjectInfo]:
    """A segment of the log, and a base at its begin when a day is over."""
    stamp, here, moment = stamps.reads(step), step * SEGMENT, clock.reads(step)
    found = [info(Chunk(LINE, 1, here, here + SEGMENT, moment), modified=stamp)]
    if step % DAY == 0:
        name = backup_name(moment, f"{step:04x}")
        made = ManifestName(LINE, "base", name, 1, here, here, 1, moment)
        found += [info(made.part(0), modified=stamp), info(made, modified=stamp)]
    return found


def reaches_back(objects: list[ObjectInfo], step: int) -> bool:
    """Whether the database can be had as it was at that step, and at every one since."""
    end = max((each.chain.reach.lsn for each in coverage(objects).backups), default=0)
    return any(
        each.is_restorable and each.name.stop <= step * SEGMENT and each.chain.reach.lsn == end
        for each in coverage(objects).backups
    )


@given(CLOCKS, st.booleans(), st.sets(st.integers(24, 70), max_size=4))
@settings(max_examples=150, derandomize=True)
def test_every_moment_of_the_last_days_can_be_had_whatever_the_clock_did(
    clock: Clock, is_own: bool, rounds: set[int]
) -> None:
    stamps = clock if is_own else Clock(())
    objects: list[ObjectInfo] = []
    for step in range(72):
        objects += came(step, clock, stamps)
        if step in rounds or step == 71:
            gone = set(retention(objects, clock.reads(step), POLICY))
            objects = [each for each in objects if each.name not in gone]
            slack = len(clock.jumps) * (GAP // timedelta(minutes=STEP) + 1)
            assert reaches_back(objects, max(0, step - 3 * DAY + slack))


@given(HOURS.filter(lambda hours: hours < 0), st.integers(30, 71))
@settings(max_examples=60, derandomize=True)
def test_a_clock_that_jumps_back_removes_nothing_that_the_right_one_would_not(
    hours: int, step: int
) -> None:
    right = Clock(())
    objects = [each for one in range(step) for each in came(one, right, right)]
    now = right.reads(step)
    before = set(retention(objects, now + timedelta(hours=hours), POLICY))
    assert before <= set(retention(objects, now, POLICY))


@given(
    st.lists(HOURS, max_size=12),
    st.lists(HOURS, min_size=2, max_size=2),
    st.integers(0, 400),
    st.integers(1, 60),
)
@settings(max_examples=300, derandomize=True)
def test_an_earlier_clock_never_reaches_a_later_edge(
    stamps: list[int], clocks: list[int], span: int, gap: int
) -> None:
    written = sorted((at(60 * each) for each in stamps), reverse=True)
    earlier, later = (
        ago(written, at(60 * each), timedelta(hours=span), timedelta(hours=gap))
        for each in sorted(clocks)
    )
    assert earlier <= later
    newest = max((each for each in written if each <= at(60 * max(clocks))), default=None)
    if newest is not None:
        assert later <= newest + timedelta(hours=gap) - timedelta(hours=span)
