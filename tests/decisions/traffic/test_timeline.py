"""When an application was out, as its probes tell it."""

from __future__ import annotations

import pytest

from recovery.traffic.facts import Answer, Probe
from recovery.traffic.timeline import Began, Change, Ended, Timeline


def play(timeline: Timeline, *probes: tuple[float, float, Answer]) -> list[Change]:
    """Send all in the order of their sending; they come back in the order of their arrival."""
    for sent, _, _ in sorted(probes):
        timeline.send(sent)
    changes: list[Change] = []
    for sent, done, answer in sorted(probes, key=lambda probe: probe[1]):
        changes += timeline.note(Probe(sent, done, answer, str(answer)))
    return changes


YES, NO, UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN


def test_an_outage_runs_from_the_first_unanswered_probe_to_the_next_answer() -> None:
    probes = [(0.0, 0.1, YES), (0.25, 1.5, NO), (0.5, 1.6, NO), (1.75, 1.8, YES), (2.0, 2.1, YES)]
    assert play(Timeline(), *probes) == [Began(0.25, "no"), Ended(1.8)]


def test_an_answer_that_overtakes_a_failure_still_ends_it() -> None:
    probes = [(0.0, 1.1, NO), (0.25, 0.3, YES)]
    assert play(Timeline(), *probes) == [Began(0.0, "no", seen=False), Ended(0.3)]


def test_nothing_is_said_before_the_earlier_probes_are_back() -> None:
    timeline = Timeline()
    timeline.send(0.0)
    timeline.send(0.25)
    assert timeline.note(Probe(0.25, 0.3, NO)) == []
    assert timeline.note(Probe(0.0, 0.9, YES)) == [Began(0.25, "")]


def test_unknown_is_no_outage_and_ends_one_where_sight_ended() -> None:
    assert play(Timeline(), (0.0, 0.1, UNKNOWN), (0.25, 0.3, YES)) == []
    probes = [(0.0, 0.2, NO), (0.25, 0.4, NO), (0.5, 0.6, UNKNOWN), (0.75, 0.8, NO)]
    assert play(Timeline(), *probes) == [
        Began(0.0, "no", seen=False), Ended(0.4, seen=False), Began(0.75, "no", seen=False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "is_seen"),
    [
        ([(0.0, 0.1, YES)], True),
        ([(0.0, 0.1, YES), (0.5, 0.6, UNKNOWN)], True),
        ([(0.0, 0.1, YES), (30.0, 30.1, UNKNOWN)], False),
        ([], False),
        ([(0.0, 0.1, YES), (0.5, 0.6, NO), (0.75, 0.8, UNKNOWN)], False),
    ],
    ids=["answered", "answered just before", "long ago", "never asked", "out already"],
)
def test_a_begin_is_seen_where_it_answered_a_moment_before(
    before: list[tuple[float, float, Answer]], is_seen: bool
) -> None:
    timeline = Timeline()
    play(timeline, *before)
    at = before[-1][1] + 0.2 if before else 0.0
    assert play(timeline, (at, at + 0.1, NO)) == [Began(at, "no", seen=is_seen)]


def test_what_is_in_flight_while_the_prober_sleeps_tells_nothing() -> None:
    timeline = Timeline()
    timeline.send(0.0)
    timeline.send(0.25)
    assert timeline.forget(9.0) == []
    rate = timeline.rate()
    assert rate is not None
    assert (rate.asked, rate.unknown) == (0, 2)


def test_the_rate_is_of_the_last_minute_and_leaves_unknown_out() -> None:
    timeline = Timeline()
    play(timeline, (0.0, 0.1, NO), (70.0, 70.1, YES), (71.0, 71.3, NO), (72.0, 72.1, UNKNOWN))
    rate = timeline.rate()
    assert rate is not None
    assert (rate.asked, rate.answered, rate.unknown, rate.last) == (2, 1, 1, UNKNOWN)
    assert round(rate.latency_ms) == 100


def test_it_is_seen_without_a_break_from_its_first_answer_or_from_the_end_of_a_hole() -> None:
    assert Timeline().seen_since is None
    timeline = Timeline()
    play(timeline, (0.0, 0.1, UNKNOWN), (0.25, 0.3, YES), (0.5, 0.6, UNKNOWN), (1.5, 1.6, NO))
    assert timeline.seen_since == 0.25, "one word that was lost is no hole"
    play(timeline, (2.0, 2.1, UNKNOWN), (3.0, 3.1, UNKNOWN), (4.0, 4.1, YES), (4.5, 4.6, NO))
    assert timeline.seen_since == 4.0
