"""An agent of version N-1 (I-CP-7): what it does not know is refused, with what to do."""

from __future__ import annotations

import json

import pytest

from recovery.agent.link import refusal_of
from recovery.core import transitions, wire
from recovery.core.errors import BadMessage
from recovery.drp.hands.returning import kept_outcome
from recovery.drp.sights import Heard
from recovery.gateway.actions import record_outcomes
from recovery.gateway.older import as_told
from recovery.operations.actions import admit_operations, hand_operations, request_acts
from recovery.operations.facts import Act, Verb
from recovery.operations.models import Operation
from tests.actions.failover.fleet import make_pair
from tests.support.fleet import BY, NOW


def answer_of_older(operation: str, verb: str) -> wire.Outcome:
    """What an agent answers to a verb that its version does not have: its own words."""
    text = json.dumps({"type": "databaseorder", "operation": operation, "epoch": 1, "verb": verb})
    with pytest.raises(BadMessage) as caught:
        wire.decode_from_gateway(text)
    said = refusal_of(text, caught.value)
    assert isinstance(said, wire.Outcome)
    return said


def done(detail: str) -> wire.Outcome:
    return wire.Outcome(operation="op", epoch=1, state="done", detail=detail)


def test_a_verb_that_it_does_not_know_is_refused_with_what_to_do() -> None:
    told = as_told(answer_of_older("op", "levitate"), verb="levitate", params={}, version="0.0.9")
    assert told.detail == (
        "Its agent is of version 0.0.9, which does not know “levitate”: update it. Nothing was"
        " done."
    )
    plain = wire.Outcome(operation="op", epoch=1, state="refused", detail="fenced at epoch 3")
    assert as_told(plain, verb="promote", params={}, version="0.0.9") == plain


def test_promises_that_it_cannot_give_again_by_name_are_not_given() -> None:
    """It answers as to any question, and its giving stays taken over."""
    names = {"give_again": ["r/fence/PAR1/1"]}
    older = done('{"promised_ms":0,"position":7,"timeline":1,"state":"running"}')
    told = as_told(older, verb="ask", params=names, version="")
    assert told.state == "failed"
    assert "of version unknown, which does not know take-overs by name" in told.detail
    same = done('{"promised_ms":0,"given_again":["r/fence/PAR1/1"]}')
    assert as_told(same, verb="ask", params=names, version="") == same
    assert as_told(older, verb="ask", params={}, version="") == older
    assert as_told(done("?"), verb="ask", params=names, version="").state == "failed"


@pytest.mark.django_db
def test_a_step_that_its_agent_does_not_know_fails_with_the_reason_and_hangs_nothing() -> None:
    pair = make_pair()
    copy = pair.replicas[1]
    transitions.amend(
        copy.host, {"agent_version": "0.0.9"}, action="updated", actor=BY, reason="test", now=NOW
    )
    act = Act(Verb.KEEP, copy.pk, copy.host_id, 1)
    rows = [row.pk for row in request_acts(acts=[act], actor=BY, reason="test", now=NOW)]
    admit_operations(operations=rows, actor=BY, reason="test", now=NOW)
    hand_operations(operations=rows, actor=BY, now=NOW)
    older = wire.Outcome(
        operation=str(rows[0]), epoch=1, state="refused",
        detail=answer_of_older(str(rows[0]), "levitate").detail.replace("levitate", "keep"),
    )  # fmt: skip
    assert record_outcomes(host=copy.host_id, outcomes=[older], now=NOW) == 1
    outcome = kept_outcome(list(Operation.objects.all()))
    assert outcome.heard is Heard.FAILED
    assert "of version 0.0.9, which does not know “keep”: update it" in outcome.said
