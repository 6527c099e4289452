"""Restored rows against what agents say: thousands of worlds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recovery.failover.doubt.reconcile import Claim, Recorded, reconcile

CLAIMS = st.builds(
    Claim,
    replica=st.sampled_from("abc"),
    host=st.sampled_from("xyz"),
    is_heard=st.booleans(),
    role=st.sampled_from(["primary", "standby", "out"]),
    epoch=st.integers(0, 4),
    is_running=st.booleans(),
    is_writable=st.booleans(),
)
WORLDS = st.builds(
    Recorded,
    name=st.just("orders"),
    epoch=st.integers(1, 4),
    primary=st.sampled_from(["", "a", "b", "c"]),
    claims=st.lists(CLAIMS, max_size=3, unique_by=lambda claim: claim.replica).map(tuple),
)


@given(WORLDS)
def test_the_epoch_is_above_everything_that_anybody_told(recorded: Recorded) -> None:
    found = reconcile(recorded)
    told = [claim.epoch for claim in recorded.claims if claim.is_heard]
    assert found.epoch > max([recorded.epoch, *told])


@given(WORLDS)
def test_only_who_says_that_it_leads_by_the_newest_epoch_is_let_lead(recorded: Recorded) -> None:
    found = reconcile(recorded)
    if not found.is_seen:
        assert found.primary == recorded.primary
        return
    (chosen,) = (claim for claim in recorded.claims if claim.replica == found.primary)
    assert chosen.leads
    rivals = [c for c in recorded.claims if c.leads and c is not chosen]
    assert all(rival.epoch < chosen.epoch for rival in rivals)
    assert chosen.is_writable or all(claim.is_heard for claim in recorded.claims)


@given(WORLDS)
def test_two_of_one_epoch_are_a_refusal_and_nothing_else_is(recorded: Recorded) -> None:
    leading = [claim for claim in recorded.claims if claim.leads]
    newest = [c for c in leading if c.epoch == max(one.epoch for one in leading)]
    assert bool(reconcile(recorded).refusal) == (len(newest) > 1)


def test_a_shut_primary_is_not_believed_while_a_copy_is_unheard() -> None:
    shut = Claim("a", "x", is_heard=True, role="primary", epoch=2, is_running=True)
    unheard = Claim("b", "y")
    found = reconcile(Recorded("orders", 1, "b", (shut, unheard)))
    assert (found.primary, found.is_seen, found.epoch) == ("b", False, 3)
    assert found.missing == ("y",)
    assert found.differs == ("its agents know epoch 2, the rows 1",)


def test_a_difference_says_who_leads() -> None:
    leads = Claim("b", "y", True, "primary", 2, True, True)
    found = reconcile(Recorded("orders", 1, "a", (Claim("a", "x", is_heard=True), leads)))
    assert found.primary == "b"
    assert found.differs == (
        "its agents know epoch 2, the rows 1",
        "y leads it, the rows name another",
    )
