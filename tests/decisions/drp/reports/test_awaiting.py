"""A report that is late says since when, what holds it up, and what to do."""

from __future__ import annotations

from datetime import timedelta

from recovery.drp.reports.awaiting import (
    PROOF_PATIENCE,
    SEAL_PATIENCE,
    TRIED_EVERY,
    Late,
    awaited,
    holds_back,
)

SOON, MOMENT = timedelta(seconds=5), timedelta(milliseconds=1)


def test_while_it_is_in_time_it_says_what_it_waits_for() -> None:
    unsealed = awaited(Late(SOON, is_sealed=False, is_proven=True))
    assert unsealed.why == "It is signed once the sealed log covers the run’s end, within a minute."
    assert not unsealed.is_late
    drill = awaited(Late(SEAL_PATIENCE, is_sealed=True, is_proven=False))
    assert "drill’s hosts have seen that nothing is left" in drill.why
    assert not drill.is_late
    due = awaited(Late(SEAL_PATIENCE, is_sealed=False, is_proven=True))
    assert due.why.startswith("It is due now")


def test_after_its_time_it_says_who_did_not_write_it_and_where_to_look() -> None:
    late = SEAL_PATIENCE + TRIED_EVERY
    found = awaited(Late(late, is_sealed=True, is_proven=True))
    assert found.is_late
    assert found.why == "Nobody has tried to write it: the worker does, called by beat."
    assert "processes" in found.todo
    assert "the sealer." in awaited(Late(late, is_sealed=False, is_proven=True)).why
    drill = Late(PROOF_PATIENCE + TRIED_EVERY, is_sealed=True, is_proven=False)
    assert awaited(drill).is_late


def test_what_kept_it_from_being_written_is_said_at_once() -> None:
    found = awaited(Late(SOON, True, True, trouble="BadConfiguration: no key"))
    assert found.why == "It could not be written: BadConfiguration: no key"
    assert found.is_late


def test_it_is_held_back_only_for_what_comes_in_a_moment() -> None:
    assert holds_back(Late(SEAL_PATIENCE - MOMENT, is_sealed=False, is_proven=True))
    assert not holds_back(Late(SEAL_PATIENCE, is_sealed=False, is_proven=True))
    assert holds_back(Late(PROOF_PATIENCE - MOMENT, is_sealed=True, is_proven=False))
    assert not holds_back(Late(PROOF_PATIENCE, is_sealed=False, is_proven=False))
    assert not holds_back(Late(timedelta(0), is_sealed=True, is_proven=True))
