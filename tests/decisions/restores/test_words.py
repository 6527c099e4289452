"""What a person reads of a restore that cannot go on."""

from __future__ import annotations

from recovery.inventory.facts import Verdict
from recovery.restores.facts import Phase
from recovery.restores.words import hindered

UNREAD = "par1-store: no answer in 13 s."


def said(
    phase: Phase = Phase.RESTORE, verdict: Verdict = Verdict.ALIVE, unread: str = UNREAD
) -> str:
    return hindered(phase, "par1-r1-h01", verdict, "par1-store", unread)


def test_nothing_hinders_one_whose_host_and_source_answer() -> None:
    assert said(unread="") == ""


def test_a_source_that_cannot_be_read_is_named_with_the_way_out() -> None:
    assert "par1-store cannot be read (par1-store: no answer in 13 s)" in said()
    assert "from another replica" in said()
    assert said(Phase.ROUTE) == "", "it was read by then"


def test_a_host_that_is_not_heard_is_named_whatever_the_source_does() -> None:
    for phase in (Phase.RESTORE, Phase.ROUTE):
        assert "par1-r1-h01 is unknown" in said(phase, Verdict.UNKNOWN)


def test_what_waits_for_a_word_or_is_over_is_hindered_by_nothing() -> None:
    for phase in (Phase.ASKED, Phase.DONE, Phase.ABANDONED):
        assert said(phase, Verdict.LOST) == ""


def test_in_a_pause_nothing_is_promised_to_go_on_by_itself() -> None:
    for phase in (Phase.RESTORE, Phase.SWITCH):
        told = hindered(
            phase, "par1-r1-h01", Verdict.ALIVE, "par1-store", UNREAD, paused="a flood (ada)"
        )
        assert told.startswith("Everything is paused: a flood (ada). Nothing more of it is begun")
        assert "once it can" not in told
