"""The bound of the loss quote against a primary that nobody sees: any delays, any losses."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from recovery.core.leases import LeaseRow
from recovery.failover.terms import FAST
from recovery.failover.track import Track

RATE = 100
"""Positions that a primary writes each second."""


@given(
    st.lists(st.tuples(st.floats(0, 3), st.floats(0, 3), st.booleans()), min_size=2, max_size=20),
    st.integers(0, 3),
    st.floats(0, 400),
    st.floats(0, 1.5),
)
def test_a_word_is_never_held_to_be_younger_than_its_reading(
    ways: list[tuple[float, float, bool]], skipped: int, short: float, stale: float
) -> None:
    """Renewals take `there`, grants take `back`, some are lost, looks skip some; what a candidate
    lacks was written within the span that the track tells, at 100 positions a second."""
    echo, echoed = 0, 0.0
    seen: list[tuple[float, LeaseRow]] = []
    newest = 0.0
    for number, (there, back, is_lost) in enumerate(ways, start=1):
        sent = number * FAST.every
        if echoed <= sent:
            echo = max(echo, _granted(seen, sent, ways))
        if is_lost:
            continue
        arrived = max(newest, sent + there)
        newest = arrived
        echoed = arrived + back
        position = max(1, int(RATE * (sent - stale)))
        seen.append((arrived, LeaseRow("a", 1, 1, number, echo, position)))
    track = Track("a")
    for index, (at, row) in enumerate(seen):
        if skipped == 0 or index % (skipped + 1) == 0:
            track = track.note(row, at)
    end = max((at for at, _ in seen), default=0.0) + 1.0
    held = max(0, int(RATE * end - short))
    word = track.held_by(held)
    if word is None or word.read_after is None:
        return
    sent = word.number[2] * FAST.every
    assert word.read_after <= sent
    assert RATE * end - held <= RATE * (end - word.read_after + FAST.read_within) + 1


def _granted(
    seen: list[tuple[float, LeaseRow]], now: float, ways: list[tuple[float, float, bool]]
) -> int:
    """The newest number whose grant, given when its row was written, has arrived by `now`."""
    arrived = (row.sequence for at, row in seen if at + ways[row.sequence - 1][1] <= now)
    return max(arrived, default=0)


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=200), st.integers(0, 1000))
def test_the_newest_word_that_a_candidate_holds_all_of_is_found(
    positions: list[int], held: int
) -> None:
    track = Track("a")
    for number, position in enumerate(sorted(positions), start=1):
        track = track.note(LeaseRow("a", 1, 1, number, number - 1, position), float(number))
    word = track.held_by(held)
    assert len(track.words) <= 64
    assert all(one.seen_at < other.seen_at for one, other in pairwise(track.words))
    if word is None:
        assert all(one.position > held for one in track.words)
    else:
        later = [one for one in track.words if one.seen_at > word.seen_at]
        assert word.position <= held
        assert all(one.position > held for one in later)
