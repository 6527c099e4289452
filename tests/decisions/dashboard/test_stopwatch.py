"""From loss to service: phases from instants alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dashboard.facets.stopwatch import Span, clock_phases

SILENT = datetime(2026, 11, 23, 3, 7, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return SILENT + timedelta(seconds=seconds)


def test_the_phases_add_up_to_the_time_from_loss_to_service() -> None:
    moves = [Span(after(2.7), after(3.9)), Span(after(2.8), after(4.5))]
    watch = clock_phases(SILENT, after(2.5), moves, is_over=True)
    assert watch.said == "detect 2.5\u00a0s, place 0.3\u00a0s, start 1.7\u00a0s"
    assert watch.whole == 4.5


def test_a_start_on_suspicion_takes_no_time_after_the_verdict() -> None:
    watch = clock_phases(SILENT, after(2.5), [Span(after(1.6), after(2.9))], is_over=True)
    assert [phase.seconds for phase in watch.phases] == [2.5, 0.0, 0.4]


def test_what_lasts_is_open_and_there_is_no_sum_yet() -> None:
    watch = clock_phases(SILENT, after(2.5), [Span(after(2.6), None)], is_over=False)
    assert watch.phases[-1].said == "lasts"
    assert watch.whole is None
    nowhere = clock_phases(SILENT, after(2.5), [], is_over=False)
    assert [(phase.name, phase.seconds) for phase in nowhere.phases][-1] == ("place", None)


def test_a_host_that_ran_nothing_is_only_detected() -> None:
    watch = clock_phases(SILENT, after(2.5), [], is_over=True)
    assert [phase.name for phase in watch.phases] == ["detect"]


@given(
    st.floats(0, 5000),
    st.lists(st.tuples(st.floats(0, 5000), st.none() | st.floats(0, 9000)), max_size=6),
    st.booleans(),
)
def test_the_bar_never_leaves_its_width(
    declared: float, moves: list[tuple[float, float | None]], is_over: bool
) -> None:
    spans = [Span(after(a), None if b is None else after(b)) for a, b in moves]
    watch = clock_phases(SILENT, after(declared), spans, is_over=is_over)
    assert all(phase.width >= 0 for phase in watch.phases)
    assert sum(phase.width for phase in watch.phases) <= 100.1
    assert all(0 <= tick.left <= 100 for tick in watch.ticks)
    assert len(watch.ticks) <= 30
