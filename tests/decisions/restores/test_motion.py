"""When a restore goes on, by its agent's words, and when it was begun from anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from recovery.restores.motion import MOVES_WITHIN, Course, Word, after, first

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def word(at: float, phase: str, done: int, *, still: float = -0.001, orders: int = 1) -> Word:
    return Word(NOW + timedelta(seconds=at), phase, done, int(still * 1000), orders)


def course(*words: Word) -> Course:
    found = first(words[0])
    for each in words[1:]:
        found = after(found, each)
    return found


def moved(*words: Word) -> float:
    return (course(*words).moved_at - NOW).total_seconds()


AT_IT = (word(0, "planning", 0), word(1, "fetching the base", 83))


def test_more_bytes_and_a_step_beyond_the_furthest_are_motion() -> None:
    assert moved(*AT_IT) == 1
    assert moved(*AT_IT, word(2, "fetching the base", 84)) == 2
    assert moved(*AT_IT, word(2, "replaying the log", 83)) == 2
    assert moved(*AT_IT, word(2, "fetching the base", 83)) == 1
    assert moved(*AT_IT, word(2, "in other words", 83)) == 1


def test_an_agent_that_died_in_the_middle_of_it_has_begun_a_try_of_its_own() -> None:
    """It is never motion: one that dies every minute goes nowhere."""
    words = [*AT_IT]
    for number in (1, 2, 3):
        words += [word(60 * number, "planning", 0)]
        found = course(*words)
        assert (found.begun, found.broke_at) == (number, words[-1].at)
        assert not found.moves(words[-1].at)
        words += [word(60 * number + 5, "fetching the base", 40)]
        assert course(*words).moves(words[-1].at)
    missed = course(*AT_IT, word(9, "fetching the base", 21))
    assert (missed.begun, missed.moved_at) == (1, NOW + timedelta(seconds=1))
    replay = course(word(0, "replaying the log", 83), word(60, "fetching the base", 83))
    assert replay.begun == 1


def test_what_an_order_began_from_anew_is_counted_by_its_order() -> None:
    found = course(*AT_IT, word(9, "planning", 0, orders=2))
    assert (found.begun, found.began_at) == (0, NOW + timedelta(seconds=9))
    died = after(found, word(20, "fetching the base", 30, orders=2))
    assert after(died, word(30, "planning", 0, orders=2)).begun == 1


def test_a_try_in_which_no_byte_came_leaves_the_clock_of_stillness_alone() -> None:
    """Its agent counts from the first byte that it asked for."""
    planning = (
        word(60, "planning", 0, orders=2),
        word(61, "fetching the base", 0, still=0, orders=2),
    )
    assert moved(*AT_IT, *planning) == 1
    assert not course(*AT_IT, *planning).moves(planning[-1].at)
    assert moved(*AT_IT, *planning, word(70, "fetching the base", 1, orders=2)) == 70


@pytest.mark.parametrize(("still", "upto"), [(4, 6), (2**60, 1), (-0.001, 1)])
def test_what_replays_goes_on_by_its_agents_word_on_our_own_clock(
    still: float, upto: float
) -> None:
    assert moved(*AT_IT, word(10, "fetching the base", 83, still=still)) == upto


def test_it_goes_on_for_half_a_minute_after_its_last_byte() -> None:
    found = course(*AT_IT)
    assert found.moves(found.moved_at + MOVES_WITHIN)
    assert not found.moves(found.moved_at + MOVES_WITHIN + timedelta(seconds=1))
