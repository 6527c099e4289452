"""When the timers of databases begin anew, and when they only stand still."""

from __future__ import annotations

from recovery.controller.databases import TICK_SECONDS, Databases
from recovery.core.leases import LeaseRow
from recovery.failover.terms import FAST

SPAN = round(FAST.span, 6)
ROW = LeaseRow("a", epoch=1, incarnation=1, sequence=7)


def known() -> Databases:
    """Its first look was at 100."""
    databases = Databases()
    databases.regraced(100.0, is_afresh=False).memory.note_lease("db", ROW, FAST, 100.0)
    return databases


def left(databases: Databases, now: float, *, is_afresh: bool = False) -> float:
    memory = databases.regraced(now, is_afresh=is_afresh).memory
    return round(memory.note_lease("db", ROW, FAST, now).left(now), 6)


def test_looks_in_time_count_in_full_and_late_ones_for_three_ticks() -> None:
    databases = known()
    assert left(databases, 101.0) == round(SPAN - 1.0, 6)
    assert left(databases, 105.0) == round(SPAN - 1.0 - 3 * TICK_SECONDS, 6)


def test_rows_or_a_gateway_that_are_new_begin_a_whole_span_once() -> None:
    databases = known()
    assert left(databases, 101.0, is_afresh=True) == SPAN
    assert left(databases, 102.0, is_afresh=True) == round(SPAN - 1.0, 6)


def test_a_sleep_of_minutes_begins_a_whole_span_and_makes_words_old() -> None:
    databases = known()
    memory = databases.watch.memory
    for now, count in ((100.0, 1), (100.5, 2)):
        memory.note_words("db", ("a", 1), {"b": (count, 5)}, now)
    assert left(databases, 700.0) == SPAN
    assert memory.note_words("db", ("a", 1), {"b": (2, 5)}, 700.0)["b"].age(700.0) == float("inf")


def test_a_standby_that_is_away_is_not_away_for_longer_because_we_slept() -> None:
    databases = known()
    memory = databases.watch.memory
    memory.note_shelter("db", False, 100.0)
    databases.regraced(105.0, is_afresh=False)
    assert memory.note_shelter("db", False, 105.0) == 3 * TICK_SECONDS


def blind(databases: Databases, begin: float, end: float) -> None:
    """Looks twice a second that see nothing."""
    for half in range(round(2 * begin), round(2 * end) + 1):
        databases.regraced(half / 2, is_afresh=False, is_blind=True)


def test_what_was_not_heard_while_we_were_blind_for_long_is_nobodys_silence() -> None:
    databases = known()
    blind(databases, 100.5, 202.0)
    assert left(databases, 202.5) == SPAN
    assert left(databases, 203.0) == round(SPAN - 0.5, 6), "once"


def test_a_blindness_of_a_moment_keeps_no_lease_alive() -> None:
    databases = known()
    blind(databases, 100.5, 104.0)
    assert left(databases, 104.5) == round(SPAN - 4.5, 6)
