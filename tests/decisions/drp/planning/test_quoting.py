"""Where a plan quotes no loss: because there is none, or because nobody can tell."""

from __future__ import annotations

import msgspec

from recovery.drp.facts import Kind, Mode
from recovery.drp.plan import LeftOut, Quote
from recovery.drp.planning.leaving import BY_HAND
from recovery.drp.planning.quoting import loses_nothing
from tests.decisions.drp.steps import plan, step, target

YES = step(Kind.APPROVAL, targets=())


def test_a_plan_that_moves_no_database_loses_nothing_and_says_why() -> None:
    assert loses_nothing(plan(YES)) == "It loses nothing: this plan moves no database."


def test_a_primary_that_lives_hands_over_and_loses_nothing() -> None:
    moves = plan(YES, step(Kind.PROMOTE_DATABASES, id="two"), mode=Mode.PLANNED)
    assert "hands over what it acknowledged" in loses_nothing(moves)
    lets_go = step(Kind.DISCARD_COPIES, id="three")
    assert not loses_nothing(msgspec.structs.replace(moves, steps=(*moves.steps, lets_go)))


def test_what_nobody_can_tell_is_not_called_nothing() -> None:
    assert not loses_nothing(plan(YES, step(Kind.PROMOTE_DATABASES, id="two")))
    by_hand = LeftOut("one", target("orders"), BY_HAND)
    assert not loses_nothing(msgspec.structs.replace(plan(YES), left_out=(by_hand,)))
    quote = Quote("id-orders", "orders", "replica 2", "2026-11-23T03:00:00+00:00")
    assert not loses_nothing(msgspec.structs.replace(plan(YES), quotes=(quote,)))
