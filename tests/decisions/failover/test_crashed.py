"""A server that fell while its host lives: restarted or replaced, and never waited for in vain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from recovery.failover.carry import is_left_alone
from recovery.failover.facts import NEVER, Act, Ask, Facts, ProofKind, Standby, Step, Wait
from recovery.failover.phases import FailoverKind, Phase
from recovery.failover.trouble import SILENT
from recovery.inventory.facts import DatabaseState, Durability, Plan, Verdict
from tests.decisions.failover.build import (
    POLICY,
    RENEWED,
    WRITTEN,
    act,
    answered,
    database,
    decide,
    facts,
    failover,
    order,
    primary,
    standby,
)

NOW = RENEWED + 0.2


def crashed(**changes: Any) -> Facts:
    return facts(primary(server="down", is_writable=False, detail="signal 9"), standby(), **changes)


def test_a_crashed_server_is_failed_over_or_restarted_whichever_is_sooner() -> None:
    quick = decide(crashed(restart_seconds=3.0), NOW)
    assert isinstance(quick, Step)
    assert (quick.act, quick.kind) == (Act.BEGIN, FailoverKind.RESTART)
    slow = decide(crashed(), NOW)
    assert isinstance(slow, Step)
    assert slow.kind is FailoverKind.FAILOVER
    tried = decide(crashed(restart_seconds=3.0, database=database(restart_failed=60.0)), NOW)
    assert isinstance(tried, Step)
    assert tried.kind is FailoverKind.FAILOVER


def test_one_that_leads_alone_is_restarted_in_its_place_however_long_that_takes() -> None:
    """A failover would have nobody to promote, and would ring for a person."""
    alone = replace(crashed(), replicas=(primary(server="down", is_writable=False),))
    assert alone.restart_seconds > alone.failover_seconds or alone.restart_seconds == NEVER
    step = decide(alone, NOW)
    assert isinstance(step, Step)
    assert (step.act, step.kind) == (Act.BEGIN, FailoverKind.RESTART)
    assert "a failover" not in step.reason
    tried = replace(alone, database=database(restart_failed=60.0))
    step = decide(tried, NOW)
    assert isinstance(step, Step)
    assert step.kind is FailoverKind.FAILOVER, "it failed lately: a person is asked"


def test_the_agent_of_a_crashed_server_signs_that_its_gate_is_closed() -> None:
    at = failover(asked=(answered(),))
    step = decide(crashed(failover=at), NOW)
    assert isinstance(step, Step)
    assert (step.act, step.proof) == (Act.REVOKE, None)
    fencing = replace(at, phase=Phase.FENCE, new_epoch=4)
    assert act(decide(crashed(failover=fencing), NOW)) is Act.FENCE
    lost = replace(fencing, orders=(order("fence", "a", "unknown", age=5.1),))
    assert act(decide(crashed(failover=lost), NOW)) is Act.FENCE
    just = replace(fencing, orders=(order("fence", "a", "unknown", age=4.9),))
    assert isinstance(decide(crashed(failover=just), NOW), Wait)
    under_way = replace(fencing, orders=(order("fence", "a", "handed", age=5.1),))
    assert isinstance(decide(crashed(failover=under_way), NOW), Wait)
    signed = replace(fencing, orders=(order("fence", "a", "done", position=5000),))
    step = decide(crashed(failover=signed), NOW)
    assert isinstance(step, Step)
    assert step.proof is not None
    assert step.proof.kind is ProofKind.GATE_CLOSED


def test_a_crashed_server_that_nobody_can_replace_is_started_again_in_mid_failover() -> None:
    at = failover(asked=())
    alone = replace(
        crashed(failover=at), replicas=(*crashed().replicas[:1], standby(server="down"))
    )
    step = decide(alone, NOW)
    assert isinstance(step, Step)
    assert (step.act, step.replica, step.to) == (Act.RESTART, primary().replica, None)
    asked = failover(orders=(order("restart", primary().replica, "handed"),))
    assert isinstance(decide(replace(alone, failover=asked), NOW), Ask)


def test_a_restart_is_over_when_users_write_again() -> None:
    at = failover(kind=FailoverKind.RESTART)
    assert act(decide(crashed(failover=at), NOW)) is Act.RESTART
    failed = replace(at, orders=(order("restart", "a", "failed", detail="disk full"),))
    assert act(decide(crashed(failover=failed), NOW)) is Act.ABANDON
    assert decide(facts(failover=at), NOW).reason == "It runs again and accepts writes."
    verify = replace(at, phase=Phase.VERIFY, phase_age=0.05)
    assert isinstance(decide(facts(failover=verify), NOW), Wait)
    verify = replace(verify, phase_age=1.0)
    assert act(decide(facts(failover=verify), NOW)) is Act.ADVANCE


def test_what_has_its_data_and_was_never_started_has_not_crashed() -> None:
    made = database(state=DatabaseState.MAKING)
    assert isinstance(decide(replace(crashed(), database=made), NOW), Wait)
    unnamed = replace(made, plan=Plan.STARTER, primary="")
    assert isinstance(decide(replace(crashed(), database=unnamed, lease=None), NOW), Wait)
    assert act(decide(crashed(), NOW)) is Act.BEGIN


def test_a_restart_of_what_never_served_waits_for_no_user() -> None:
    """No route leads to it before it has served: its users' write would never come."""
    at = failover(kind=FailoverKind.RESTART, phase=Phase.VERIFY, phase_age=30.0)
    known = facts(failover=at, routed_epoch=0, written_epoch=0)
    assert act(decide(known, NOW)) is Act.ADVANCE
    served = replace(known, routed_epoch=3)
    assert isinstance(decide(served, NOW), Wait)


def test_a_starter_database_waits_and_says_so() -> None:
    starter = database(plan=Plan.STARTER, durability=Durability.ASYNCHRONOUS)
    gone = primary(age=9.0, verdict=Verdict.LOST, standbys=())
    known = facts(gone, database=starter, lease=None)
    assert act(decide(known)) is Act.AWAIT_HOST
    waiting = replace(known, database=replace(starter, state=DatabaseState.WAITING))
    assert isinstance(decide(waiting), Wait)
    back = replace(waiting, replicas=(primary(standbys=()),))
    assert act(decide(back)) is Act.RESUME


@pytest.mark.parametrize("plan", list(Plan))
@pytest.mark.parametrize("server", ["down", "failed"])
def test_what_has_not_served_yet_where_it_was_restored_has_not_crashed(
    plan: Plan, server: str
) -> None:
    """It was "restarted" seconds before the restore was over, and had the loss on its record."""
    there = primary(
        server=server,
        is_writable=False,
        standbys=(),
        detail="its data are not here: an empty primary is not made in their place",
    )
    row = database(plan=plan, state=DatabaseState.WAITING, is_degraded=True)
    moved = replace(crashed(database=row, lease=None), replicas=(there,), routed_epoch=2)
    answer = decide(moved, NOW)
    assert isinstance(answer, Wait)
    assert answer.reason == (
        "Nothing has served on osu-1 yet: its agent starts it there. Its agent says: its data are"
        " not here: an empty primary is not made in their place."
    )
    served = decide(replace(moved, routed_epoch=3), NOW)
    assert isinstance(served, Step)
    assert served.kind is FailoverKind.RESTART
    two = decide(replace(moved, replicas=(there, standby())), NOW)
    assert isinstance(two, Step) is (plan is Plan.BUSINESS)


@pytest.mark.parametrize("ends", ["", "."])
def test_causes_are_sentences(ends: str) -> None:
    said = f"its process runs, and it has not answered for 6.0 s (3 looks in a row){ends}"
    step = decide(replace(crashed(), replicas=(primary(server="down", detail=said),)), NOW)
    assert isinstance(step, Step)
    assert step.reason == (
        "Its server is down on a living host. Its agent says: its process runs, and it has not"
        " answered for 6.0 s (3 looks in a row). It is restarted in its place: 12 s."
    )
    last = replace(crashed(), replicas=(primary(server="down"),))
    assert "agent says" not in decide(last, NOW).reason


SAYS = "its process runs, and it has not answered for 2.0 s (1 look)"


def test_a_primary_that_missed_a_look_is_neither_failed_over_nor_restarted() -> None:
    """Its host may be slow for two seconds; its lease is renewed meanwhile."""
    quiet = replace(crashed(), replicas=(primary(server=SILENT, is_writable=False), standby()))
    assert isinstance(decide(quiet, NOW), Wait)
    assert not wait_alarm(decide(quiet, NOW))
    alone = replace(quiet, replicas=quiet.replicas[:1])
    assert isinstance(decide(alone, NOW), Wait)
    again = replace(quiet, failover=failover(kind=FailoverKind.RESTART, phase=Phase.VERIFY))
    assert isinstance(decide(again, NOW), Wait), "it did not fall again"


def test_a_standby_that_missed_a_look_rings_nobody_in_mid_failover() -> None:
    at = failover(asked=())
    quiet = standby(server=SILENT, detail=SAYS)
    gone = replace(crashed(failover=at), replicas=(*crashed().replicas[:1], quiet))
    known = replace(gone, replicas=(primary(age=30.0, verdict=Verdict.LOST), quiet))
    for one in (gone, known):
        answer = decide(one, NOW)
        assert isinstance(answer, Wait)
        assert SAYS in answer.reason
        assert not answer.alarm
    fallen = replace(known, replicas=(known.replicas[0], standby(server="down")))
    assert isinstance(decide(fallen, NOW), Ask), "after three looks a person is told"


def test_a_standby_that_missed_a_look_leaves_no_new_primary_alone() -> None:
    others = (primary(age=30.0), standby(replica="b"), standby(replica="c", server=SILENT))
    known = replace(crashed(failover=failover()), replicas=others)
    assert not is_left_alone(known, "b", POLICY)
    fell = replace(known, replicas=(*others[:2], standby(replica="c", server="down")))
    assert is_left_alone(fell, "b", POLICY)


def wait_alarm(answer: object) -> str:
    assert isinstance(answer, Wait)
    return answer.alarm


def test_who_missed_a_look_may_hold_what_another_one_lacks() -> None:
    """Both were waited for; the one that answers is not chosen before the other one told."""
    seen = tuple(
        Standby(key, WRITTEN, is_streaming=True, is_synchronous=True) for key in ("b", "c")
    )
    gone = primary(age=30.0, verdict=Verdict.LOST, standbys=seen)
    mate = standby(replica="c", name="orders-3")
    known = replace(crashed(failover=failover(asked=())), replicas=(gone, standby(), mate))
    assert act(decide(known, NOW)) is Act.ASK
    quiet = replace(mate, server=SILENT, detail=SAYS)
    answer = decide(replace(known, replicas=(gone, standby(), quiet)), NOW)
    assert isinstance(answer, Wait)
    assert SAYS in answer.reason
