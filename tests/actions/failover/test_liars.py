"""What a sick or hostile agent says harms its own database at most, and never who decides."""

from __future__ import annotations

import pytest

from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.failover.decide import next_step
from recovery.failover.facts import Answer, Facts
from recovery.failover.policy import Policy
from recovery.inventory.facts import Role
from recovery.operations.facts import OperationState
from recovery.operations.models import Operation
from tests.actions.failover.agents import Play, settled
from tests.actions.failover.fleet import copy, describe, make_pair

pytestmark = pytest.mark.django_db
AGENT = Actor("agent", "tests")


@pytest.fixture
def play() -> Play:
    return settled()


def _answer(play: Play, verb: str, detail: str) -> None:
    """The newest order of this verb is done, by its agent's word."""
    op = Operation.objects.filter(verb=verb).latest("requested_at")
    for state, fields in (
        (OperationState.HANDED, {}),
        (OperationState.DONE, {"ended_at": play.now, "detail": detail}),
    ):
        op = transitions.move(op, state, changes=fields, actor=AGENT, reason="test", now=play.now)


ANSWERS = [
    '{"promised_ms": "soon"}',
    '{"promised_ms": null, "position": 7}',
    '{"promised_ms": 0, "position": null}',
    '{"promised_ms": 0, "position": "many"}',
    '{"promised_ms": 1' + "0" * 400 + "}",
    "[" * 9000,
    "[1]",
    "",
]


@pytest.mark.parametrize("detail", ANSWERS, ids=range(len(ANSWERS)))
def test_an_answer_that_says_nothing_is_no_answer_and_nothing_is_revoked(
    play: Play, detail: str
) -> None:
    play.is_deaf.add("ask")
    play.kill(play.pair.primary)
    play.until("analyse")
    play.look()
    _answer(play, "ask", detail)
    play.run(8)
    assert play.failover.phase == "analyse", "nobody said that no promise lives"
    play.is_deaf.clear()
    play.until("rebuild")


@pytest.mark.parametrize("detail", ["²", "9" * 5000, "-1", "12 or so"])
def test_where_a_gate_closed_is_a_number_or_not_known(play: Play, detail: str) -> None:
    play.is_deaf.add("fence")
    primary = play.servers[play.pair.primary.pk]
    primary.server = "failed"
    play.refuses["restart"] = "no"
    play.until("fence", 60)
    play.look()
    _answer(play, "fence", detail)
    play.until("rebuild")
    proof = play.failover.proof
    assert proof is not None
    assert proof["position"] is None


def test_a_database_that_cannot_be_judged_stops_no_other_and_rings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    play = Play(make_pair())
    hosts = play.pair.hosts
    odd = describe("odd", port=15433)
    copy(odd, hosts["par1-r1-h1"], 1, Role.PRIMARY)
    copy(odd, hosts["par1-r2-h1"], 2, Role.STANDBY)

    def fails(facts: Facts, policy: Policy, now: float) -> Answer:
        if facts.database.name == "odd":
            raise TypeError("a word of an agent that nobody thought of")
        return next_step(facts, policy, now)

    with monkeypatch.context() as patch:
        patch.setattr("recovery.failover.cycle.next_step", fails)
        play.run(6)
        play.kill(play.pair.primary)
        assert play.until("rebuild").database == play.pair.database
        rung = Alarm.objects.get(key=f"database:{odd.pk}:unjudged")
        assert "TypeError: a word of an agent" in rung.body
    play.run(1)
    rung.refresh_from_db()
    assert rung.state == "ended"
