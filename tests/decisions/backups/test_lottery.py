"""Each replica is proven in time, and the draw is heavier for what is old and large."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.backups.lottery import Ticket, choose
from tests.decisions.backups.build import NOW, ago

EVERY, WITHIN = timedelta(hours=12), timedelta(days=30)
GIB = 1024**3


def drawn(tickets: list[Ticket], draw: float) -> str:
    found = choose(tickets, now=NOW, draw=draw, every=EVERY, within=WITHIN)
    return found.key if found else ""


def test_without_replicas_there_is_nothing_to_prove() -> None:
    assert drawn([], 0.5) == ""


def test_what_was_never_proven_for_long_comes_before_what_was_proven_yesterday() -> None:
    tickets = [Ticket("old", ago(days=20), GIB), Ticket("new", ago(days=1), GIB)]
    random = Random(7)
    found = Counter(drawn(tickets, random.random()) for _ in range(400))
    assert found["old"] > 15 * found["new"] > 0


def test_a_large_one_is_drawn_more_often_than_a_small_one_of_the_same_age() -> None:
    tickets = [Ticket("large", ago(days=5), 100 * GIB), Ticket("small", ago(days=5), 1024)]
    random = Random(7)
    found = Counter(drawn(tickets, random.random()) for _ in range(400))
    assert found["large"] > 3 * found["small"] > 0


@settings(deadline=None)
@given(st.floats(0, 1, exclude_max=True))
def test_what_is_due_goes_first_whatever_is_drawn(draw: float) -> None:
    due = Ticket("due", ago(days=29, hours=12), 1)
    assert drawn([Ticket("huge", ago(days=28), 10**15), due], draw) == "due"


@settings(deadline=None)
@given(
    ages=st.lists(st.timedeltas(timedelta(0), timedelta(days=3)), min_size=1, max_size=50),
    sizes=st.lists(st.integers(0, 10**13), min_size=50, max_size=50),
    seed=st.integers(0, 2**32),
)
def test_no_replica_waits_longer_than_promised_while_there_are_turns_enough(
    ages: list[timedelta], sizes: list[int], seed: int
) -> None:
    """Fifty replicas, a turn each twelve hours, four months: none is ever thirty days old."""
    random = Random(seed)
    tickets = {str(n): Ticket(str(n), NOW - age, sizes[n]) for n, age in enumerate(ages)}
    for turn in range(240):
        now = NOW + turn * EVERY
        assert all(now - one.since <= WITHIN for one in tickets.values())
        one = choose(
            list(tickets.values()), now=now, draw=random.random(), every=EVERY, within=WITHIN
        )
        assert one is not None
        tickets[one.key] = Ticket(one.key, now, one.bytes)


@settings(deadline=None, max_examples=100)
@given(broken=st.integers(1, 10), well=st.integers(1, 14), seed=st.integers(0, 2**32))
def test_what_fails_again_and_again_keeps_no_other_from_being_proven_in_time(
    broken: int, well: int, seed: int
) -> None:
    """And what was mended is tried again soon: each that failed has its turn in a round of them."""
    random, bad = Random(seed), {str(n) for n in range(broken)}
    tickets = {str(n): Ticket(str(n), NOW, 1) for n in range(broken + well)}
    tried: dict[str, list[int]] = {name: [] for name in bad}
    for turn in range(240):
        now = NOW + turn * EVERY
        assert all(now - one.since <= WITHIN for one in tickets.values() if one.key not in bad)
        one = choose(
            list(tickets.values()), now=now, draw=random.random(), every=EVERY, within=WITHIN
        )
        if one is not None and one.key in bad:
            tickets[one.key] = replace(one, failed_at=now)
            tried[one.key].append(turn)
        elif one is not None:
            tickets[one.key] = replace(one, since=now)
    for turns in tried.values():
        assert all(after - before <= 4 * broken for before, after in pairwise(turns))


def test_where_everything_failed_it_is_asked_again_in_its_turn() -> None:
    tickets = [
        Ticket("a", ago(days=3), 1, ago(hours=30)),
        Ticket("b", ago(days=3), 1, ago(hours=1)),
    ]
    assert drawn(tickets, 0.5) == ""
    assert drawn([replace(tickets[0], failed_at=ago(hours=48)), tickets[1]], 0.5) == "a"
