"""Which copy a plan restores a database from."""

from __future__ import annotations

from recovery.drp.queries.inventory import furthest
from tests.decisions.backups.build import ago, copy, database


def test_of_two_copies_that_go_equally_far_the_plan_takes_the_one_that_the_brief_names() -> None:
    at = ago(seconds=9)
    assert furthest(database("a", copy(1, ago(seconds=4)), copy(2, at), copy(3, at))) == (
        "replica 2",
        at,
    )


def test_the_copy_that_goes_furthest_outside_its_home_is_taken() -> None:
    at = ago(seconds=5)
    assert furthest(database("a", copy(1, ago(seconds=1)), copy(2, ago(days=1)), copy(3, at))) == (
        "replica 3",
        at,
    )
    assert furthest(database("a", copy(1, at), copy(2), copy(3))) is None
