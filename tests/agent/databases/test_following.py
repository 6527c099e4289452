"""How long a standby has followed, look by look."""

from __future__ import annotations

from recovery.agent.databases.sights import Following


def looks(*, streaming: str, start: Following | None = None, at: float = 100.0) -> Following:
    """One look a second: `s` it streams, `-` it does not, `x` its own server is down."""
    known = start or Following()
    for second, sign in enumerate(streaming):
        known = known.look(is_streaming=sign == "s", is_running=sign != "x", now=at + second)
    return known


def test_it_counts_while_it_follows() -> None:
    assert looks(streaming="").seconds == 0
    assert looks(streaming="s").seconds == 0
    assert looks(streaming="ssssss").seconds == 5


def test_the_end_of_its_primary_makes_it_no_worse_than_it_was() -> None:
    assert looks(streaming="ssssss----------").seconds == 5


def test_a_break_begins_the_count_anew() -> None:
    assert looks(streaming="ssssss--sss").seconds == 2


def test_whoever_was_down_itself_has_not_followed() -> None:
    assert looks(streaming="ssssssx").seconds == 0
    assert looks(streaming="ssssssx-").seconds == 0
