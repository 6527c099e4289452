"""Which restore gets nowhere, whom that wakes, and what they read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from recovery.inventory.facts import DatabaseState, Verdict
from recovery.restores.facts import ENDED, Facts, Phase
from recovery.restores.stuck import (
    MANY,
    RINGS_AT_LEAST,
    STILL,
    TOLD_FOR,
    WAITED_FOR,
    Ended,
    Motion,
    Tries,
    ended,
    stuck,
    told,
)

PLAIN = Facts(
    phase=Phase.RESTORE,
    database="notes",
    host="par1-r2-h1",
    state=DatabaseState.WAITING,
    epoch=1,
    old_epoch=1,
)
STANDS = Motion("RS-0001", STILL, heard=1.0, doing="fetching the base, 3 of 12 MB")
AT_IT = "par1-r2-h1 is at it."
AWAY = Tries(2, "store: osu2-store: no answer in 60 s", datetime(2026, 11, 29, tzinfo=UTC))


def said(facts: Facts = PLAIN, motion: Motion = STANDS, waits: str = AT_IT) -> str:
    told = stuck(facts, motion, waits)
    return told.said if told else ""


def wakes(facts: Facts) -> bool:
    told = stuck(facts, STANDS, AT_IT)
    return told is not None and told.wakes


@pytest.mark.parametrize("phase", Phase)
def test_it_is_told_of_once_nothing_went_on_for_minutes_whatever_its_step(phase: Phase) -> None:
    """A person's word runs out by itself."""
    facts = replace(PLAIN, phase=phase)
    assert bool(said(facts)) is (phase not in ENDED | {Phase.ASKED})
    assert not said(facts, replace(STANDS, still=STILL - 1))
    assert not said(replace(facts, called_off="bruno")), "it ends at the next look"


def test_who_is_told_reads_for_how_long_in_which_try_why_and_what_to_do() -> None:
    assert said(motion=replace(STANDS, tries=AWAY)) == (
        "Nothing of it has gone on for 3 min. par1-r2-h1 is at it. Its agent says: fetching the"
        " base, 3 of 12 MB. It is try 2; the last one that came to nothing ended with:"
        " osu2-store: no answer in 60 s. Next: call it off and ask anew, from another replica:"
        " /databases/notes/restore/call-off/"
    )


def test_what_is_tried_again_and_again_is_told_of_before_it_stands_still() -> None:
    moving = replace(STANDS, still=1.0)
    assert not said(motion=replace(moving, tries=replace(AWAY, number=MANY - 1)))
    assert "tried again and again" in said(motion=replace(moving, tries=replace(AWAY, number=MANY)))
    assert not said(motion=replace(moving, tries=Tries(MANY))), "the first of them still runs"


def test_what_creeps_on_does_not_ring_at_each_halt_anew() -> None:
    moving = replace(STANDS, still=1.0)
    assert said(motion=replace(moving, rung=RINGS_AT_LEAST - 1))
    assert not said(motion=replace(moving, rung=RINGS_AT_LEAST))


def test_people_are_woken_where_it_does_not_serve_and_nobody_paused_it() -> None:
    assert wakes(PLAIN)
    assert not wakes(replace(PLAIN, state=DatabaseState.SERVING, in_place=True))
    paused = replace(PLAIN, paused="ada paused it.")
    assert not wakes(paused)
    assert said(paused).endswith("let it go on: /held/.")


def test_what_an_alarm_says_stays_true_for_as_long_as_it_stands() -> None:
    """Whatever its try, its agent's word or the next act: those are on the page that it names."""
    bodies = set()
    for facts in (PLAIN, replace(PLAIN, phase=Phase.SWITCH, in_place=True)):
        for motion in (STANDS, replace(STANDS, still=999.0, tries=AWAY, doing="asking it")):
            told = stuck(facts, motion, AT_IT)
            assert told is not None
            bodies.add(told.body)
    (body,) = bodies
    assert body.startswith("It does not serve meanwhile.")
    assert body.endswith(" /databases/notes/")


def test_what_goes_on_is_not_advised_to_be_called_off() -> None:
    """The store came back in try 6."""
    moving = replace(STANDS, still=1.0, moves=True, tries=replace(AWAY, number=6))
    assert said(motion=moving).endswith("It goes on now: nobody has to do anything.")
    assert "call it off" in said(motion=replace(moving, moves=False))


def test_who_reads_of_tries_is_not_told_of_the_one_that_ended_as_if_it_ran() -> None:
    words = "osu2-store: no answer in 60 s."
    assert told(Tries()) == ""
    over = replace(AWAY, number=1, is_over=True)
    assert told(over) == f"Try 1 came to nothing; it ended with: {words}"
    assert told(AWAY) == f"It is try 2; the last one that came to nothing ended with: {words}"
    twice = replace(AWAY, ended="host: archive: the disk is full")
    assert told(twice).endswith("ended with: the disk is full.")


def test_an_agent_that_says_nothing_is_told_of_as_that() -> None:
    assert "has said nothing of it yet" in said(motion=replace(STANDS, heard=None))
    assert "last word on it, 119 s ago: fetching" in said(motion=replace(STANDS, heard=119.0))
    silent = replace(PLAIN, verdict=Verdict.UNKNOWN)
    assert "with another host: /databases/notes/restore/call-off/" in said(silent)
    assert "Its agent" not in said(silent, waits="par1-r2-h1 is unknown.")


@pytest.mark.parametrize(
    ("phase", "in_place", "act"),
    [
        (Phase.RESTORE, False, "ask anew, from another replica or with another host: /databases/"),
        (Phase.RESTORE, True, "ask anew, from another replica: /databases/notes/"),
        (Phase.SWITCH, True, "what was there before serves again: /databases/notes/restore/call"),
        (Phase.SWITCH, False, "look at par1-r2-h1, which has to start what was restored: /hosts/"),
    ],
)
def test_the_next_act_is_one_that_is_open(phase: Phase, in_place: bool, act: str) -> None:
    assert act in said(replace(PLAIN, phase=phase, in_place=in_place))


def test_what_ended_without_its_database_is_told_of_until_that_serves() -> None:
    one = Ended("RS-0001", "notes", "It cannot be restored.", False, False, WAITED_FOR)
    told = ended(one)
    assert told is not None
    assert told.wakes
    assert told.said.endswith("Next: ask for it anew: /databases/notes/restore/")
    assert ended(replace(one, ago=WAITED_FOR - 1)) is None, "its host may be back"
    assert ended(replace(one, serves=True)) is None


def test_what_ended_in_place_is_told_of_for_an_hour_and_wakes_nobody() -> None:
    one = Ended("RS-0001", "notes", "It cannot be restored.", True, True, TOLD_FOR)
    told = ended(one)
    assert told is not None
    assert not told.wakes
    assert "/databases/notes/restore-in-place/" in told.said
    assert ended(replace(one, ago=TOLD_FOR + 1)) is None
