"""At 50, 80 and 100 % of its time whoever is waited for is told of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recovery.drp.announcing import SHARES, Promise, announcements
from recovery.drp.approvals.facts import Weighed
from recovery.drp.facts import Kind, Mode, StepState
from recovery.drp.press import Press
from recovery.drp.sights import AskSight, RunSight
from tests.decisions.drp.steps import plan, step
from tests.support.drp_book import Book


def under_way(age: float, mode: Mode = Mode.DISASTER, owner: str = "responder") -> RunSight:
    """A step of ten minutes whose act was intended so long ago."""
    book = Book(plan(step(Kind.MANUAL, owner=owner), mode=mode))
    assert book.press(Press.START) == ""
    for _ in range(2):
        for order in book.orders():
            if order.do == "intend":
                book.intend(order)
            else:
                book.write(order)
    acts = tuple(replace(act, age=age) for act in book.steps["one"].acts)
    book.change("one", acts=acts)
    return book.sight()


@pytest.mark.parametrize(
    ("age", "share"), [(299.9, 0), (300, 50), (479, 50), (480, 80), (600, 100), (9e9, 100)]
)
def test_of_a_step_the_highest_share_that_is_over_is_told(age: float, share: int) -> None:
    found = [one.share for one in announcements(under_way(age), ())]
    assert found == ([share] if share else [])


def test_whose_step_it_is_is_named_and_each_round_has_its_own() -> None:
    run = under_way(480, owner="approver")
    (told,) = announcements(run, ())
    assert told.role == "approver"
    assert told.title == "80 % of the time of “Step one” is over"
    assert told.said == "It has 10 min. When this was told it waited for the role approver."
    again = replace(run.steps["one"], round=2)
    assert announcements(replace(run, steps={"one": again}), ()) == (), "its acts are of round 1"


@pytest.mark.parametrize("share", SHARES)
def test_of_a_promise_whoever_is_waited_for_is_told(share: int) -> None:
    run = under_way(0)
    (told,) = announcements(run, [Promise("Shops", 3600, 36 * share)])
    assert (told.share, told.role) == (share, "responder")
    assert told.title == f"{share} % of the time promised for Shops is over"
    assert told.said.startswith(
        "It is to be back within 60 min. When this was told it waited for the role responder: “"
    )
    assert not announcements(run, [Promise("Shops", 3600, 1799)])


def test_whoever_is_asked_for_a_yes_is_named_once_and_as_of_then() -> None:
    """It stays on the run's page after their yes."""
    run = under_way(0)
    missing = Weighed((), (), "Waits for one more person of role approver.")
    asking = replace(
        run.steps["one"], state=StepState.ASKING, acts=(), ask=AskSight("ask", 0.0, missing)
    )
    (told,) = announcements(
        replace(run, steps={"one": asking}), [Promise("Shops", 3600, 1800, has_scope=True)]
    )
    assert told.role == "approver"
    assert told.said == (
        "It is to be back within 60 min. When this was told it waited for one more person of role"
        " approver."
    )


def test_of_a_promise_without_a_scope_it_is_said_that_the_run_is_not_over() -> None:
    """Nobody can see whether what it is about is back."""
    (told,) = announcements(under_way(0), [Promise("Shops", 3600, 1800, has_scope=False)])
    assert told.service == "Shops"
    assert told.said.startswith("It is to be back within 60 min, and the run is not over. When")


def test_a_simulation_and_a_run_that_is_over_have_all_the_time() -> None:
    late = [Promise("Shops", 60, 600)]
    assert not announcements(under_way(0, mode=Mode.SIMULATION), late)
    assert not announcements(replace(under_way(600), state="aborted"), late)  # type: ignore[arg-type]
