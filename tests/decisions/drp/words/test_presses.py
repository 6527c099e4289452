"""What people press, and what is answered that may not be pressed."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from recovery.drp.facts import Kind, Mode, RunState, StepState
from recovery.drp.press import ROLE, Press, Presser, refuse_press, refuse_who
from recovery.drp.waits import waits
from tests.decisions.drp.steps import step
from tests.decisions.drp.test_engine import does, running, take
from tests.support.drp_book import EVERY_ROLE, Book


@pytest.mark.parametrize("press", list(Press))
def test_who_lacks_the_role_presses_nothing_and_who_says_no_reason_neither(press: Press) -> None:
    book = running(step())
    rights = ("viewer", "responder", "approver", "admin")
    low = frozenset(rights[: rights.index(ROLE[press])])
    assert "takes the role" in refuse_press(press, book.sight(), low, step="one", said="x")
    silent = refuse_press(press, book.sight(), EVERY_ROLE, step="one", said=" ")
    assert ("Say why" in silent) == (press not in {Press.START, Press.PAUSE, Press.RESUME})


@pytest.mark.parametrize(
    ("by", "state", "said"),
    [
        ("amelie", RunState.RUNNING, "You have started it already."),
        ("amelie", RunState.PAUSED, "You have started it already; it is paused now."),
        ("bruno", RunState.RUNNING, "It is running already: somebody was first."),
    ],
)
def test_who_started_it_is_not_somebody_else(by: str, state: RunState, said: str) -> None:
    sight = replace(running(step()).sight(), state=state, started_by="amelie")
    assert refuse_press(Press.START, sight, EVERY_ROLE, said="x", by=by) == said


def test_a_press_that_comes_too_late_is_told_so() -> None:
    book = running(step())
    assert "somebody was first" in book.press(Press.START)
    assert "abort it" in book.press(Press.WITHDRAW)
    assert "not paused" in book.press(Press.RESUME)
    assert "There is no step x" in book.press(Press.SKIP, step="x")
    assert "only what failed" in book.press(Press.RETRY, step="one")
    assert "not what is asked for" in book.press(Press.TELL, step="one", key="k")
    assert "is not done by hand" in book.press(Press.REPORT, step="one", key="k")
    take(book)
    assert "it cannot be skipped" in book.press(Press.SKIP, step="one")
    assert book.press(Press.ABORT) == ""
    assert "nothing to abort" in book.press(Press.ABORT)
    assert "nothing to pause" in book.press(Press.PAUSE)


def test_a_manual_step_is_done_by_whoever_reports_it() -> None:
    book = running(step(Kind.MANUAL))
    take(book)
    book.intend(book.orders()[0])
    key = book.steps["one"].acts[0].key
    assert waits(book.sight())[0].who == "responder"
    assert book.press(Press.REPORT, step="one", key=key) == ""
    assert does(book) == ["settle_done one"]


def test_nobody_is_asked_to_pause_production_to_undo_what_a_drill_began() -> None:
    for mode in (Mode.DRILL, Mode.DISASTER):
        book = running(step(realm="drill" if mode is Mode.DRILL else "production"), mode=mode)
        while book.state is not RunState.DONE:
            take(book)
        why = refuse_press(Press.UNDO, book.sight(), EVERY_ROLE, step="one", said="Back.")
        is_drill = mode is Mode.DRILL
        assert why == ("What a drill began is removed when it is over." if is_drill else "")


def behind_a_gate() -> Book:
    """Two steps one after the other behind a question that waits for its yes."""
    agree = step(Kind.APPROVAL, id="agree")
    book = running(agree, step(needs=("agree",)), step(id="two", needs=("one",)))
    take(book)
    assert book.steps["agree"].state is StepState.ASKING
    return book


def test_a_gate_is_not_gone_round_by_a_skip_of_what_waits_behind_it() -> None:
    """Seen: containers moved while the yes of a second person was still asked for."""
    book = behind_a_gate()
    for name, awaited in (("one", "agree"), ("two", "one")):
        titles = [book.steps[each].planned.title for each in (name, awaited)]
        said = "“{}” waits for “{}”: it is skipped when it is its turn.".format(*titles)
        assert book.press(Press.SKIP, step=name) == said
    book.change("one", state=StepState.SKIPPED)
    assert does(book) == [], "whoever wrote that, and however"
    book.approve("agree")
    take(book)
    take(book)
    assert does(book) == ["begin two"]


def test_what_takes_a_passkey_is_not_skipped_by_who_asked_or_wrote() -> None:
    run = running(step(Kind.PROMOTE_DATABASES)).sight()
    run = replace(run, plan=msgspec.structs.replace(run.plan, requester="ann", last_editor="ed"))
    for name, said in (("ann", "ann asked for it"), ("ed", "ed wrote it"), ("bob", "")):
        why = refuse_who(Press.SKIP, run, Presser(name, EVERY_ROLE), "one")
        assert why == (said and f"{said}: somebody else decides that it is left out.")


def test_what_was_aborted_in_its_midst_can_be_undone_once_nothing_of_it_is_on_its_way() -> None:
    book = running(step(Kind.PLACE_APPLICATIONS))
    take(book)
    title = book.steps["one"].planned.title
    said = f"“{title}” is begun: what it starts is not known yet."
    assert book.press(Press.ABORT) == ""
    undo = (Press.UNDO, book.sight(), EVERY_ROLE)
    assert refuse_press(*undo, step="one", said="Back.") == said
    while book.state is not RunState.ABORTED:
        take(book)
    assert refuse_press(Press.UNDO, book.sight(), EVERY_ROLE, step="one", said="Back.") == ""
