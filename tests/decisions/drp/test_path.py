"""Which steps decide how long a run takes at most."""

from __future__ import annotations

from recovery.drp.path import critical_path
from tests.decisions.drp.steps import plan, step

FORKED = plan(
    step(id="look", timeout=60),
    step(id="short", needs=("look",), timeout=100),
    step(id="long", needs=("look",), timeout=900),
    step(id="end", needs=("short", "long"), timeout=30),
)


def test_the_longest_chain_counts_and_what_is_over_takes_no_time_any_more() -> None:
    assert critical_path(FORKED) == (("look", "long", "end"), 990)
    assert critical_path(FORKED, {"look", "long"}) == (("short", "end"), 130)
    assert critical_path(FORKED, {"look", "short", "long", "end"}) == ((), 0)


def test_the_order_of_the_file_does_not_matter() -> None:
    turned = plan(*reversed(FORKED.steps))
    assert critical_path(turned) == critical_path(FORKED)
