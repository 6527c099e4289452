"""Whether a runbook could be run now."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from recovery.drp.runbooks.lint import LintFacts, lint
from tests.decisions.drp.books import book

PEOPLE = {
    "responder": frozenset({"amelie", "bruno"}),
    "approver": frozenset({"bruno", "chloe", "dora"}),
}
WELL = LintFacts(
    today=date(2026, 11, 29),
    people=PEOPLE,
    drilled=date(2026, 11, 1),
    changed=date(2026, 10, 1),
    room={"PAR1": 1.0},
)


def test_nothing_is_found_where_all_is_well() -> None:
    assert lint(book(), WELL) == ()


@pytest.mark.parametrize(
    ("changes", "rule", "stale"),
    [
        ({"drilled": None}, "never_drilled", True),
        ({"drilled": date(2025, 11, 28), "changed": None}, "drill_due", True),
        ({"today": date(2027, 6, 1), "drilled": date(2027, 5, 1)}, "review_due", True),
        ({"today": date(2027, 6, 1), "drilled": date(2027, 5, 1)}, "contact_due", True),
        ({"changed": date(2026, 11, 2)}, "changed_since", False),
        ({"people": {**PEOPLE, "approver": frozenset({"bruno"})}}, "too_few_approvers", True),
        ({"people": {**PEOPLE, "responder": frozenset()}}, "nobody", True),
        ({"room": {"PAR1": 0.9}}, "no_room", False),
        ({"unproven": ("notes",)}, "unproven", False),
    ],
)
def test_what_would_stop_it_is_found(changes: dict[str, object], rule: str, stale: bool) -> None:
    found = lint(book(), replace(WELL, **changes))  # type: ignore[arg-type]
    assert rule in {finding.rule for finding in found}
    assert any(finding.is_stale for finding in found) == stale
    assert all(finding.said and finding.todo for finding in found)


def test_whoever_has_the_role_and_no_passkey_is_named_with_what_is_missing() -> None:
    """As a demonstration starts: approver and admin may approve, one of them has a passkey."""
    people = {**PEOPLE, "approver": frozenset({"approver"})}
    shipped = replace(WELL, people=people, unsigned={"approver": frozenset({"admin"})})
    [found] = {one.todo for one in lint(book(), shipped)}
    assert found == (
        "admin has the role and no pinned passkey: show one, then manage.py passkeys pin admin."
    )
    both = {**PEOPLE, "approver": frozenset({"approver", "admin"})}
    assert lint(book(), replace(WELL, people=both)) == ()


def test_two_approvers_take_three_people() -> None:
    two = {**PEOPLE, "approver": frozenset({"bruno", "chloe"})}
    assert lint(book(), replace(WELL, people=two)) == ()
    found = lint(book("datacenter-unreachable"), replace(WELL, people=two))
    assert [one.rule for one in found] == ["too_few_approvers"]
    assert found[0].said.startswith("decide: 2 who may approve")
