"""What a sick or hostile agent says harms its own database at most, and never who decides."""

from __future__ import annotations

import pytest

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.operations.facts import OperationState
from recovery.operations.models import Operation
from tests.actions.failover.agents import Play
from tests.actions.failover.fleet import make_pair

pytestmark = pytest.mark.django_db
AGENT = Actor("agent", "tests")


@pytest.fixture
def play() -> Play:
    made = Play(make_pair())
    made.settle()
    return made


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
