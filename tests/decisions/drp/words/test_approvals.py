"""Who may say yes: every role, every relation, every way in which it is over."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from recovery.drp.approvals.facts import LIFE_SECONDS, Question, Rule, Said
from recovery.drp.approvals.rules import refuse_answer, weigh
from recovery.drp.facts import Factor

ROLES = ("viewer", "responder", "approver", "admin")
ASKED = Question(
    ask="q1",
    digest="d1",
    run="r1",
    step="fence",
    requester="amelie",
    editor="emil",
    role="approver",
    count=1,
    of=frozenset(),
    by_passkey=True,
    incarnation=3,
)


def rights(role: str) -> frozenset[str]:
    """Each may do what the ones before it may."""
    return frozenset(ROLES[: ROLES.index(role) + 1])


def said(approver: str = "bruno", role: str = "approver", **changes: object) -> Said:
    there = Said(
        id=f"a-{approver}",
        ask="q1",
        approver=approver,
        principal=approver,
        roles=rights(role),
        is_active=True,
        factor=Factor.PASSKEY,
        digest="d1",
        run="r1",
        step="fence",
        incarnation=3,
        wall=10.0,
        elapsed=10.0,
    )
    return replace(there, **changes)  # type: ignore[arg-type]


TRUTHS = (False, True)
MATRIX = product(
    ROLES, TRUTHS, TRUTHS, TRUTHS, (None, False, True), ("approver", "admin"), TRUTHS, TRUTHS
)


def test_the_whole_matrix_of_roles() -> None:
    """Role × requester × editor × active × named × wanted × factor × what the step takes."""
    for role, asked, edited, active, named, wants, passkey, signed in MATRIX:
        question = replace(
            ASKED,
            requester="bruno" if asked else "amelie",
            editor="bruno" if edited else "emil",
            role=wants,
            of=frozenset() if named is None else frozenset({"bruno" if named else "chloe"}),
            by_passkey=signed,
        )
        factor = Factor.PASSKEY if passkey else Factor.TOTP
        found = weigh(question, [said(role=role, is_active=active, factor=factor)])
        may = wants in rights(role) and not asked and not edited and active
        may = may and named is not False and (passkey or not signed)
        assert found.is_enough == may
        assert bool(found.refused) != may
        assert bool(found.missing) != may


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"ask": "q2"}, "another question"),
        ({"run": "r2"}, "another run"),
        ({"step": "place"}, "another step"),
        ({"digest": "d2"}, "another plan"),
        ({"is_used": True}, "used already"),
        ({"incarnation": 2}, "rows were restored"),
        ({"wall": -1.0}, "clock went back"),
        ({"wall": LIFE_SECONDS}, "older than 30 minutes"),
        ({"elapsed": LIFE_SECONDS}, "older than 30 minutes"),
        ({"unproven": "The signature is not that of the pinned key."}, "not that of the pinned"),
    ],
)
def test_what_is_over_or_about_something_else_does_not_count(
    changes: dict[str, Any], why: str
) -> None:
    found = weigh(ASKED, [said(**changes)])
    assert not found.is_enough
    assert why in found.refused[0][1]
    assert found.counted == ()


def test_a_clock_that_steps_back_gives_nobody_more_time() -> None:
    stepped = said(wall=LIFE_SECONDS - 300.0, elapsed=LIFE_SECONDS + 1.0)
    assert not weigh(ASKED, [stepped]).is_enough


def test_n_distinct_people_are_counted_and_no_more_than_n_are_used() -> None:
    two = replace(ASKED, count=2)
    one = weigh(two, [said("bruno")])
    assert (one.is_enough, one.missing) == (False, "Waits for one more person of role approver.")
    assert not weigh(two, [said("bruno"), said("bruno", id="again")]).is_enough
    both = weigh(two, [said("bruno"), said("chloe"), said("dora")])
    assert both.is_enough
    assert both.counted == ("a-bruno", "a-chloe")
    named = replace(two, of=frozenset({"bruno", "chloe"}))
    assert "out of bruno, chloe" in weigh(named, []).missing
    assert not weigh(named, [said("bruno"), said("dora")]).is_enough


def test_a_no_stops_it_whatever_else_was_said() -> None:
    found = weigh(ASKED, [said("bruno"), said("chloe", is_yes=False, reason="It is back.")])
    assert (found.is_enough, found.denied, found.because) == (False, "chloe", "It is back.")
    assert weigh(ASKED, [said("bruno"), said("vera", "viewer", is_yes=False)]).is_enough
    assert weigh(ASKED, [said("bruno"), said("chloe", is_yes=False, ask="q0")]).is_enough


def test_a_delegated_right_is_the_principals_and_counts_once() -> None:
    by_dora = said("dora", "approver", principal="bruno", id="by-dora")
    assert weigh(ASKED, [by_dora]).is_enough
    two = replace(ASKED, count=2)
    assert not weigh(two, [by_dora, said("bruno")]).is_enough
    assert not weigh(two, [by_dora, said("dora")]).is_enough, "one person is one person"
    assert weigh(two, [by_dora, said("chloe")]).is_enough
    assert weigh(two, [by_dora, said("bruno"), said("dora")]).is_enough
    from_requester = said("dora", principal="amelie")
    assert "amelie asked for the run" in weigh(ASKED, [from_requester]).refused[0][1]
    to_requester = said("amelie", principal="bruno")
    assert "amelie asked for the run" in weigh(ASKED, [to_requester]).refused[0][1]


def test_a_broken_rule_serves_who_broke_it_and_only_in_what_it_names() -> None:
    broken = replace(
        ASKED, count=2, broken=frozenset({Rule.REQUESTER_APPROVES}), broken_by="amelie"
    )
    assert not weigh(broken, [said("amelie")]).is_enough, "there are still too few"
    alone = replace(broken, broken=frozenset({Rule.REQUESTER_APPROVES, Rule.TOO_FEW_PEOPLE}))
    assert weigh(alone, [said("amelie")]).is_enough
    assert not weigh(replace(alone, broken_by="bruno"), [said("amelie")]).is_enough
    assert not weigh(replace(alone, editor="amelie"), [said("amelie")]).is_enough
    assert not weigh(alone, [said("amelie", principal="bruno")]).is_enough
    nevers: tuple[dict[str, Any], ...] = (
        {"digest": "d2"},
        {"is_used": True},
        {"unproven": "no"},
        {"wall": 1e6},
        {"factor": Factor.TOTP},
    )
    for never in nevers:
        assert not weigh(alone, [said("amelie", **never)]).is_enough


def test_too_few_people_serves_only_the_yes_of_who_broke_it() -> None:
    alone = replace(ASKED, count=3, broken=frozenset({Rule.TOO_FEW_PEOPLE}), broken_by="dora")
    assert not weigh(alone, [said("bruno"), said("chloe")]).is_enough
    found = weigh(alone, [said("bruno"), said("dora", "admin")])
    assert (found.is_enough, found.counted) == (True, ("a-dora",))
    lent = said("dora", principal="chloe")
    assert not weigh(alone, [lent]).is_enough
    assert weigh(alone, [said("bruno"), said("chloe"), said("emma")]).is_enough


def test_rows_that_say_otherwise_than_the_plan_let_nothing_count() -> None:
    found = weigh(replace(ASKED, mismatch="The rows lie."), [said()])
    assert (found.is_enough, found.refused) == (False, (("a-bruno", "The rows lie."),))


def test_where_people_are_named_nobody_lends_their_right() -> None:
    named = replace(ASKED, of=frozenset({"bruno", "chloe"}))
    assert not weigh(named, [said("dora", principal="bruno")]).is_enough
    assert weigh(named, [said("chloe", principal="bruno")]).is_enough


def test_who_may_not_answer_is_told_before_anything_is_written() -> None:
    assert "asked for the run" in refuse_answer("amelie", "amelie", rights("admin"), ASKED)
    assert "is no approver" in refuse_answer("vera", "vera", rights("viewer"), ASKED)
    assert refuse_answer("bruno", "bruno", rights("approver"), ASKED) == ""


@pytest.mark.parametrize(
    ("changes", "is_hollow"),
    [
        ({"unproven": "Another key signed it."}, True),
        ({"unproven": "Another key signed it.", "wall": 1.0, "elapsed": 1.0}, False),
        ({}, False),
        ({"unproven": "Another key signed it.", "digest": "d2"}, False),
        ({"unproven": "Another key signed it.", "is_yes": False}, False),
        ({"unproven": "Another key signed it.", "roles": rights("viewer")}, False),
    ],
    ids=["no key gave it", "just written", "theirs", "of another plan", "a no", "no approver"],
)
def test_a_yes_that_stands_in_somebodys_way_and_is_not_theirs_is_told_apart(
    changes: dict[str, Any], is_hollow: bool
) -> None:
    assert weigh(ASKED, [said(**changes)]).hollow == (("bruno",) if is_hollow else ())
