"""What a round promises before anything is started."""

from __future__ import annotations

from recovery.drp.runbooks.reading import read_runbook
from tests.chaos_drp import before, book
from tests.chaos_drp.plan import FEWEST, MOST, STRUCK, WITHIN, plan_round


def test_a_seed_and_a_number_name_one_round() -> None:
    again = [plan_round(1, number) for number in range(30)]
    assert again == [plan_round(1, number) for number in range(30)]
    assert plan_round(1, 3) != plan_round(2, 3)


def test_rounds_strike_everything_within_the_run() -> None:
    rounds = [plan_round(1, number) for number in range(60)]
    struck = {strike.process for one in rounds for strike in one.strikes}
    assert struck == set(STRUCK)
    assert all(FEWEST <= len(one.strikes) <= MOST for one in rounds)
    assert all(0 <= strike.moment <= WITHIN for one in rounds for strike in one.strikes)


def test_the_three_rounds_of_every_run_strike_everything() -> None:
    rounds = [plan_round(before.SEED, number) for number in before.ROUNDS]
    assert len(rounds) == 3
    assert {strike.process for one in rounds for strike in one.strikes} == set(STRUCK)


def test_its_runbook_is_whole_and_asks_for_signatures() -> None:
    found = read_runbook(book.raw().encode(), "chaos.yaml")
    signed = {step.id for step in found.steps if step.point_of_no_return and step.approval}
    assert signed == {"agree", "freeze", "tell"}
