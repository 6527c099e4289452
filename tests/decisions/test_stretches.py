"""A month in stretches: together they are the whole, and what nobody measured is no uptime."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.inventory.stretches import BEFORE, NOBODY, stretches

FIRST = datetime(2026, 11, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
INSTANTS = st.integers(-60, 600).map(lambda n: FIRST + n * MINUTE)
OUTS = st.lists(st.tuples(INSTANTS, st.integers(0, 120)), max_size=6).map(
    lambda found: [(at, at + n * MINUTE) for at, n in found]
)


@settings(max_examples=40, derandomize=True, deadline=None)
@given(OUTS, st.none() | INSTANTS, st.none() | INSTANTS)
def test_they_follow_one_another_and_what_was_down_counts_once(
    outs: list[tuple[datetime, datetime]], since: datetime | None, silent: datetime | None
) -> None:
    found = stretches(FIRST, outs, who="its prober", since=since, silent=silent)
    assert found[0].began == FIRST
    assert found[-1].ended is None
    for one, following in pairwise(found):
        assert one.ended == following.began
        assert one.seconds is not None
        assert 0 <= one.out <= one.seconds
        assert not (one.is_measured and following.is_measured)
    minutes = {
        minute
        for began, ended in outs
        for minute in range((began - FIRST) // MINUTE, (ended - FIRST) // MINUTE)
    }
    assert sum(one.out for one in found) == 60 * sum(minute >= 0 for minute in minutes)


def test_each_that_was_not_measured_says_why() -> None:
    def why(since: int | None, silent: int | None = None) -> list[str]:
        at = [None if n is None else FIRST + timedelta(seconds=n) for n in (since, silent)]
        found = stretches(FIRST, [], who="its writing user", since=at[0], silent=at[1])
        return [one.why for one in found]

    assert why(None) == [NOBODY]
    assert why(-5) == [""]
    assert why(60) == [BEFORE.format(who="its writing user"), ""]
    told_nothing = why(60, 120)[2]
    assert told_nothing.startswith("Its writing user has told nothing since then")
    assert len(why(60, 30)) == 2, "it began, and told nothing at all since"
