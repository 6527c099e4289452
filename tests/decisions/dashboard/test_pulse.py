"""Whether somebody watches, seen from one web process."""

from __future__ import annotations

from dashboard.pulse import STILL_SECONDS, Pulse
from recovery.core.control import TAKEOVER_SECONDS


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


def test_a_take_over_is_no_time_without_a_controller() -> None:
    """Its standby waits for `TAKEOVER_SECONDS`, and may need as long again to begin."""
    pulse = Pulse()
    pulse.note((1, 7), 100.0)
    pulse.note((1, 8), 101.0)
    assert 2 * TAKEOVER_SECONDS < STILL_SECONDS
    pulse.note((1, 8), 101.0 + 2 * TAKEOVER_SECONDS)
    assert pulse.is_watched(101.0 + 2 * TAKEOVER_SECONDS) is True
    pulse.note((2, 9), 106.0)
    assert pulse.is_watched(106.0) is True


def test_a_new_leader_is_seen_as_movement() -> None:
    pulse = Pulse()
    pulse.note((1, 7), 100.0)
    pulse.note((2, 1), 110.0)
    assert pulse.is_watched(110.0) is True
