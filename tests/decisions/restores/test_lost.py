"""When a database counts as lost with every copy, over all that its hosts and lease can be."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from recovery.inventory.facts import DatabaseState, Plan, Verdict
from recovery.restores.decide import next_step
from recovery.restores.facts import BEFORE_SWITCH, Act, Facts, Phase, Step
from recovery.restores.lost import GONE, LeaseSight, Member, Standing, is_back, is_open, refuse
from tests.decisions.restores.test_steps import GOOD, facts

LEASES = (
    None,
    *(
        LeaseSight((1, 1, sequence), left, revoked)
        for sequence, left, revoked in product((0, 7), (0.0, 3.0, float("inf")), (False, True))
    ),
)


def members(*verdicts: Verdict) -> tuple[Member, ...]:
    return tuple(Member(f"notes-{n}", f"host-{n}", one) for n, one in enumerate(verdicts, 1))


def business(**changes: object) -> Facts:
    return replace(facts(Phase.VERIFY, result=GOOD), plan=Plan.BUSINESS, **changes)  # type: ignore[arg-type]


def test_it_is_switched_only_when_every_copy_is_gone_and_nobody_can_write_by_a_lease() -> None:
    switched = 0
    for one, other, lease, state in product(Verdict, Verdict, LEASES, DatabaseState):
        seen = business(members=members(one, other), lease=lease, state=state)
        answer = next_step(seen)
        if not (isinstance(answer, Step) and answer.act is Act.SWITCH):
            continue
        switched += 1
        assert {one, other} <= GONE, seen
        assert lease is None or lease.number[2] == 0 or lease.left <= 0, seen
        is_live = lease is not None and not lease.is_revoked
        assert answer.lease == (lease.number if is_live and lease else None), "compared and swapped"
    assert switched


def test_a_copy_that_lives_ends_it_in_every_phase_before_the_switch() -> None:
    for phase, one, state in product(BEFORE_SWITCH, set(Verdict) - GONE, DatabaseState):
        seen = replace(business(members=members(Verdict.LOST, one), state=state), phase=phase)
        answer = next_step(seen)
        assert isinstance(answer, Step)
        assert (answer.act, answer.to) == (Act.END, Phase.ABANDONED)
        assert answer.reason.startswith(f"notes-2 on host-2 is {one}")
        assert answer.reason.endswith("Nothing was replaced.")


def test_it_is_refused_for_one_reason_or_may_be_asked_for_in_every_case() -> None:
    allowed = 0
    for plan, state, leads, failover, one in product(
        Plan, DatabaseState, (True, False), ("", "FO-0001, a failover"), Verdict
    ):
        seen = Standing("notes", plan, state, leads, members(one, Verdict.LOST), failover)
        refusal = refuse(seen)
        assert refusal.endswith(".") or not refusal
        if refusal:
            continue
        allowed += 1
        assert leads
        assert not is_back(seen)
        if plan is Plan.STARTER:
            assert (state, failover) == (DatabaseState.WAITING, "")
        else:
            assert state is not DatabaseState.MAKING
            assert one in GONE
    assert allowed
    assert refuse(Standing("notes", Plan.BUSINESS, DatabaseState.WAITING, True)) != ""


def test_a_lease_that_still_runs_says_for_how_long() -> None:
    assert is_open(LeaseSight((1, 1, 7), 2.4)) == "The lease of its old primary ends in 2 s."
    assert "not been looked at" in is_open(LeaseSight((1, 1, 7), float("inf")))
