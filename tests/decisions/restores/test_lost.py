"""When a database counts as lost with every copy, over all that its hosts and lease can be."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from recovery.inventory.facts import DatabaseState, Plan, Verdict
from recovery.restores.choices import ways
from recovery.restores.decide import next_step
from recovery.restores.facts import BEFORE_SWITCH, Act, Facts, Phase, Step, Wait
from recovery.restores.in_place import refuse_here
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


def stuck(**changes: object) -> Standing:
    """Its primary's host lives, and its data do not start; its standby is lost."""
    lead = Member("notes-1", "h-1", Verdict.ALIVE, server="failed")
    other = Member("notes-2", "h-2", Verdict.LOST, is_lead=False)
    plain = Standing("notes", Plan.BUSINESS, DatabaseState.SERVING, True, (lead, other), lead=lead)
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_a_business_database_whose_data_do_not_start_is_restorable_in_place_and_elsewhere() -> None:
    waits = {"failover": "FO-0001, a failover", "is_undecided": True}
    for state in (DatabaseState.SERVING, DatabaseState.WAITING):
        for failover in ({}, waits):
            seen = stuck(state=state, **failover)
            assert not refuse_here(seen), seen
            assert not refuse(seen), seen
            assert not is_back(seen), seen
            assert [one.refusal for one in ways(seen)] == ["", ""]
    decided = stuck(failover="FO-0001, a failover")
    assert refuse_here(decided) == "FO-0001, a failover of notes, is under way."
    assert "notes-1 on h-1 is alive" in refuse(decided), "somebody may have been told to lead"


def test_a_copy_that_runs_or_is_not_heard_is_replaced_by_no_backup() -> None:
    for server in ("running", "starting", "making", "fenced", ""):
        lead = Member("notes-1", "h-1", Verdict.ALIVE, server=server)
        seen = stuck(lead=lead, members=(lead,), state=DatabaseState.WAITING)
        assert refuse_here(seen) == "notes is waiting: it is not restored in place meanwhile."
        assert "while one of its copies may live" in refuse(seen)
        assert is_back(seen).endswith("Nothing was replaced.")
    for verdict in set(Verdict) - GONE - {Verdict.ALIVE}:
        lead = Member("notes-1", "h-1", verdict, server="failed")
        assert refuse(stuck(lead=lead, members=(lead,))), "its agent's word may be old"


def test_an_old_word_that_it_is_down_lets_nobody_take_its_place_and_ends_nothing() -> None:
    old = Member("notes-1", "h-1", Verdict.ALIVE, server="down", is_heard=False)
    lost = Member("notes-2", "h-2", Verdict.LOST, is_lead=False)
    seen = stuck(lead=old, members=(old, lost), state=DatabaseState.WAITING)
    said = "notes-1 on h-1 was down by its agent's last word, and is not heard now"
    assert refuse(seen).startswith(said)
    assert refuse_here(seen) == "notes is waiting: it is not restored in place meanwhile."
    assert not is_back(seen), "two people's words are not thrown away for a blink"
    facts = business(members=(old, lost), lead=old)
    answer = next_step(facts)
    assert isinstance(answer, Wait)
    assert answer.reason.startswith(said)
    heard = replace(old, is_heard=True)
    answer = next_step(replace(facts, members=(heard, lost), lead=heard))
    assert isinstance(answer, Step)
    assert answer.act is Act.SWITCH
    runs = Member("notes-3", "h-3", Verdict.ALIVE, server="running", is_lead=False)
    assert "notes-3 on h-3 is alive, and runs" in is_back(stuck(members=(old, runs)))


def test_a_standby_that_may_not_be_promoted_keeps_nobody_from_a_backup() -> None:
    """Else a degraded database that lost its primary would be restorable nowhere."""
    lead = Member("notes-1", "h-1", Verdict.LOST)
    other = Member("notes-2", "h-2", Verdict.ALIVE, server="running", is_lead=False)
    seen = stuck(lead=lead, members=(lead, other))
    assert "notes-2 on h-2 is alive, and runs" in refuse(seen)
    degraded = replace(seen, is_degraded=True)
    assert not refuse(degraded)
    assert refuse(replace(degraded, failover="FO-0001, a failover")), "it was chosen with that mark"
    alive = replace(lead, verdict=Verdict.ALIVE, server="running")
    assert refuse(replace(degraded, lead=alive, members=(alive, other))), "its primary serves"


def test_each_way_says_why_it_may_or_may_not_be_gone() -> None:
    here, there = ways(stuck())
    assert (here.name, there.name) == ("in its own place", "on another host")
    assert here.reason == "notes-1 on h-1 does not start (failed): its host lives and can take it."
    said = "No copy of it can serve: notes-1 on h-1 is failed, notes-2 on h-2 is lost."
    assert there.reason == said
    lead = Member("notes-1", "h-1", Verdict.LOST)
    gone, there = ways(stuck(lead=lead, members=(lead,)))
    assert gone.refusal == "h-1 is lost: what is lost is restored on another host."
    assert not there.refusal
