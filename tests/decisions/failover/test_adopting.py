"""While restored data take the place of a database's own: no crash, no failover, no restart; and
it serves again only by an agent's word of these very data."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recovery.failover.decide import next_step
from recovery.failover.facts import Act, Facts, Step, Wait
from recovery.inventory.facts import DatabaseState, Plan, Verdict
from tests.decisions.failover.build import POLICY, RENEWED, database, primary


def facts(
    told: dict[str, object] | None = None,
    state: DatabaseState = DatabaseState.WAITING,
    plan: Plan = Plan.BUSINESS,
) -> Facts:
    """`told`: what its agent says otherwise."""
    row = database(state=state, adopting="rs", is_degraded=True, plan=plan)
    seen = {"adopted": "rs"} | (told or {})
    return Facts(database=row, replicas=(primary(**seen),), restart_seconds=1.0)


@pytest.mark.parametrize("plan", list(Plan))
@pytest.mark.parametrize(
    "told",
    [
        {"server": "down"},
        {"server": "failed"},
        {"server": "down", "adopted": ""},
        {"verdict": Verdict.LOST, "age": 100.0},
        {"adopted": ""},
        {"adopted": "another"},
        {"epoch": 2},
        {"is_writable": False},
        {"age": 100.0},
    ],
)
def test_nothing_is_begun_and_nothing_resumed(plan: Plan, told: dict[str, object]) -> None:
    answer = next_step(facts(told, plan=plan), POLICY, RENEWED)
    assert isinstance(answer, Wait)
    assert not answer.alarm


def test_it_serves_again_by_its_agents_word_of_the_restored_data() -> None:
    answer = next_step(facts(), POLICY, RENEWED)
    assert isinstance(answer, Step)
    assert answer.act is Act.RESUME
    assert isinstance(next_step(facts(state=DatabaseState.SERVING), POLICY, RENEWED), Wait)


@pytest.mark.parametrize("plan", list(Plan))
def test_what_a_restore_that_was_given_up_brought_serves_nobody(plan: Plan) -> None:
    """Its server may still run for a moment, in the new epoch."""
    row = database(state=DatabaseState.WAITING, plan=plan)
    given_up = Facts(database=row, replicas=(primary(adopted="rs"),), restart_seconds=1.0)
    assert isinstance(next_step(given_up, POLICY, RENEWED), Wait)
    before = replace(given_up, replicas=(primary(),))
    answer = next_step(before, POLICY, RENEWED)
    assert isinstance(answer, Step)
    assert answer.act is Act.RESUME
