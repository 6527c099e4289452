"""Ages over a day as lines: parts of a promise, from a history that was thinned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.facets.ages import (
    HEIGHT,
    NOTHING,
    STEPS,
    WIDTH,
    draw_ages,
    draw_week,
    used_between,
)
from recovery.backups.ages import History, Week

NOW = datetime(2026, 11, 28, 18, 3, tzinfo=UTC)
PROMISE = timedelta(minutes=30)


def history(*points: tuple[float, float | None], until: float = 0.0) -> History:
    """(seen, moment) in seconds before now."""
    return History(
        number=1,
        promise=PROMISE,
        is_continuous=True,
        points=tuple(
            (
                NOW - timedelta(seconds=at),
                None if moment is None else NOW - timedelta(seconds=moment),
            )
            for at, moment in points
        ),
        until=NOW - timedelta(seconds=until),
    )


def used(found: History, begin: float, end: float) -> float | None:
    return used_between(found, NOW - timedelta(seconds=begin), NOW - timedelta(seconds=end))


def test_a_point_that_rises_each_minute_is_as_old_as_it_was_when_it_was_seen() -> None:
    steady = history((180, 190), (120, 130), (60, 70), (0, 10))
    assert used(steady, 180, 30) == pytest.approx(10 / 1800)


def test_a_point_that_stands_still_grows_old_until_it_rises() -> None:
    still = history((1800, 1810), (300, 310), until=300)
    assert used(still, 1200, 600) == pytest.approx((1810 - 600) / 1800)


def test_the_last_point_grows_old_until_it_was_looked_at_last() -> None:
    assert used(history((900, 900)), 600, 0) == pytest.approx(0.5)


def test_where_nobody_had_looked_there_is_no_line() -> None:
    assert used(history((60, 70)), 3600, 1800) is None
    assert used(history((60, 70)), 0, 60) is None


def test_where_nothing_could_be_restored_that_is_the_worst_and_no_gap() -> None:
    assert used(history((600, None)), 600, 0) == NOTHING
    assert used(history((0, None)), 600, 0) == NOTHING, "by the newest look"
    assert used(history((1200, None), (600, 610), until=300), 600, 300) != NOTHING
    broken = history((36_000, 36_005), (20_000, None), (10_000, 10_005))
    plot = draw_ages([broken])
    assert plot is not None
    (line,) = plot.lines
    assert len(line.parts) == 1
    assert "0.0" in {pair.split(",")[1] for pair in line.parts[0].split()}, "at the top"
    assert len(line.nothing) == 1
    assert plot.has_nothing
    assert line.said.startswith("replica 1 had nothing to restore at times, else it used at most ")


def test_what_was_never_restorable_is_not_read_as_the_best() -> None:
    plot = draw_ages([history((36_000, None))])
    assert plot is not None
    assert plot.lines[0].said == "replica 1 had nothing to restore"


def test_what_was_noted_for_minutes_alone_is_drawn_over_an_hour() -> None:
    new = draw_ages([history((1500, 1510), (60, 70))])
    assert new is not None
    assert new.since is not None
    (line,) = new.lines
    left = float(line.parts[0].split(",")[0])
    assert left < 0.6 * WIDTH, "half an hour of one"
    assert len(new.ticks) in {3, 4}
    day = draw_ages([history((80_000, 80_010), (60, 70))])
    assert day is not None
    assert day.since is None


def test_without_a_look_there_is_no_plot() -> None:
    assert draw_ages([]) is None


def test_a_week_is_drawn_by_the_worst_of_each_hour_and_broken_where_nobody_looked() -> None:
    top = NOW.replace(minute=0)
    ages = {0: 5, 1: 15, 2: None, 4: 30}
    hours = tuple(
        (top - timedelta(hours=n), None if age is None else timedelta(minutes=age))
        for n, age in sorted(ages.items(), reverse=True)
    )
    plot = draw_week([Week(2, PROMISE, hours, NOW)])
    assert plot is not None
    (line,) = plot.lines
    assert line.said == (
        "replica 2 had nothing to restore at times, else it used at most 100% of its promise"
    )
    assert len(line.parts) == 2, "an hour without a look"
    last = line.parts[1].split()[-1].split(",")
    assert (float(last[0]), len(line.parts[1].split())) == (WIDTH, 3)
    hour = WIDTH / 168
    (lost,) = line.nothing
    assert lost == pytest.approx((WIDTH - 3 * hour, WIDTH - 2 * hour), abs=0.1)
    alone = [pair.split(",") for pair in line.parts[0].split()]
    assert len(alone) == 2, "one point paints nothing"
    assert float(alone[1][0]) - float(alone[0][0]) == pytest.approx(hour, abs=0.2)
    assert [tick.label for tick in plot.ticks] == [f"{day}\u00a0Nov" for day in range(23, 29)]
    assert draw_week([]) is None


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 90_000), st.one_of(st.none(), st.floats(0, 200_000))),
        min_size=1,
        max_size=40,
    )
)
def test_every_line_stays_in_its_drawing(rows: list[tuple[float, float | None]]) -> None:
    rows = sorted(rows, key=lambda row: -row[0])
    plot = draw_ages([history(*rows)])
    assert plot is not None
    points = [pair.split(",") for part in plot.lines[0].parts for pair in part.split()]
    assert len(points) <= STEPS
    for x, y in points:
        assert 0 <= float(x) <= WIDTH
        assert 0 <= float(y) <= HEIGHT
    assert all(6 <= tick.x <= 94 for tick in plot.ticks)
    assert plot.full < plot.half
