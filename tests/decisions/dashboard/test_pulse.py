"""Whether somebody watches, seen from one web process."""

from __future__ import annotations

from dashboard.pulse import STILL_SECONDS, Pulse


def test_one_look_knows_nothing() -> None:
    pulse = Pulse()
    pulse.note((1, 7), 100.0)
    assert pulse.is_watched(100.0) is None


def test_a_beat_that_moves_is_watched() -> None:
    pulse = Pulse()
    pulse.note((1, 7), 100.0)
    pulse.note((1, 8), 101.0)
    assert pulse.is_watched(101.0) is True


def test_a_beat_that_stands_still_is_not() -> None:
    pulse = Pulse()
    pulse.note((1, 7), 100.0)
    pulse.note((1, 8), 101.0)
    pulse.note((1, 8), 101.1 + STILL_SECONDS)
    assert pulse.is_watched(101.1 + STILL_SECONDS) is False


def test_a_new_leader_is_seen_as_movement() -> None:
    pulse = Pulse()
    pulse.note((1, 7), 100.0)
    pulse.note((2, 1), 110.0)
    assert pulse.is_watched(110.0) is True
