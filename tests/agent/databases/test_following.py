"""How long a standby has followed, look by look."""

from __future__ import annotations

from recovery.agent.databases.sights import SILENT_SECONDS, Following, Silence, with_sight
from recovery.core.ports import ServerFacts
from recovery.core.wire import ReplicaFact


def looks(*, streaming: str, start: Following | None = None, at: float = 100.0) -> Following:
    """One look a second: `s` it streams, `h` its connection stands and nothing came since the look
    before, `-` it does not, `?` its own server did not answer, `x` it is down."""
    known, heard = start or Following(), at
    for second, sign in enumerate(streaming):
        follows, now = (None if sign == "?" else sign in "sh"), at + second
        heard = heard if sign == "h" else now
        known = known.look(
            is_streaming=follows, is_running=sign != "x", now=now, unheard=now - heard
        )
    return known


def test_it_counts_while_it_follows() -> None:
    assert looks(streaming="").seconds == 0
    assert looks(streaming="s").seconds == 0
    assert looks(streaming="ssssss").seconds == 5


def test_the_end_of_its_primary_makes_it_no_worse_than_it_was() -> None:
    assert looks(streaming="ssssss----------").seconds == 5


def test_a_connection_to_a_host_that_is_gone_makes_it_no_better() -> None:
    assert looks(streaming="sssssshhhhhhhhhh").seconds == 5
    assert looks(streaming="sssssshhhhhhhhhh----").seconds == 5
    assert looks(streaming="sssshhhs").seconds == 7, "a primary without writes speaks seldom"


def test_a_break_begins_the_count_anew() -> None:
    assert looks(streaming="ssssss--sss").seconds == 2


def test_whoever_was_down_itself_has_not_followed() -> None:
    assert looks(streaming="ssssssx").seconds == 0
    assert looks(streaming="ssssssx-").seconds == 0


def test_a_look_without_an_answer_does_not_begin_the_count_anew() -> None:
    """It was unfit for a minute for that."""
    assert looks(streaming="ssss?ss").seconds == 6
    assert looks(streaming="ssss?").seconds == 3


def test_a_server_is_silent_for_no_longer_than_its_looks_can_tell() -> None:
    one = Silence().miss(100.0, 102.0)
    assert (one.looks, one.seconds) == (1, 2.0)
    slept = Silence().miss(100.0, 160.0)
    assert slept.seconds == 2.0, "its host slept: that is one look"
    third = one.miss(103.0, 105.0).miss(106.0, 108.0)
    assert third.seconds == SILENT_SECONDS
    assert third.said == "its process runs, and it has not answered for 6.0 s (3 looks in a row)"
    at_once = Silence()
    for second in range(3):
        at_once = at_once.miss(100.0 + second, 100.01 + second)
    assert at_once.seconds < SILENT_SECONDS, "refused at once, three times in two seconds"
    assert not Silence().said


def test_a_look_tells_the_grant_that_had_come_before_it_and_none_of_another_epoch() -> None:
    fact = ReplicaFact(replica="a", epoch=3, state="running", role="primary")
    seen = ServerFacts("primary", True, "18.6", "7", 1, 5000)
    known = with_sight(fact, seen, (3, 2, 40))
    assert (known.incarnation, known.granted, known.position) == (2, 40, 5000)
    for other in ((2, 2, 40), (0, 0, 0)):
        assert (with_sight(fact, seen, other).granted) == 0
