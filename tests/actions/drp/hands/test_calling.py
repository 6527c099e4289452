"""webhook: due in a row, sent by the notifier, under one id for each key."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from recovery import wiring
from recovery.core import transitions
from recovery.core.clock import ManualClock
from recovery.core.errors import Conflict
from recovery.core.ports import NotAccepted
from recovery.drp.actions.calls import CLAIM, claim_calls, end_call
from recovery.drp.facts import Mode, RunState
from recovery.drp.hands.calling import Calling
from recovery.drp.journal import CALL_MOVES, Call
from recovery.drp.models import Act
from recovery.drp.sights import Heard
from recovery.notifier.calls import claimed_calls, deliver_call
from tests.actions.drp.ground import pin
from tests.actions.drp.hands.ground import (
    Killed,
    Product,
    bench_of,
    met,
    mortal_leaders,
    order_of,
)
from tests.support.fleet import BY

TAIL = """\
  - id: call
    title: Tell the status page
    stage: recovery
    owner: responder
    timeout: 5m
    retries: 0
    undo: A second call takes it back.
    needs: [freeze]
    do: {kind: webhook, url: "https://hooks.example.net/in", event: datacenter-lost, secret: status}
"""


@dataclass
class Receiver:
    """Whoever is called: drops what comes twice under one id."""

    refuses: str = ""
    breaks: bool = False
    got: list[tuple[str, bytes]] = field(default_factory=list)

    def post(self, *, id: str, at: int, body: bytes) -> str:
        if self.breaks:
            raise ValueError("Port out of range 0-65535")
        if self.refuses:
            raise NotAccepted(self.refuses)
        self.got.append((id, body))
        return "hooks.example.net answered 204 No Content."


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Receiver:
    found = Receiver()
    monkeypatch.setattr(wiring, "receiver_at", lambda url, name: found)
    return found


@pytest.fixture
def product(db: None, pinned: Path) -> Product:
    return Product(pin(met(), pinned), pinned, tail=TAIL)


def carry(product: Product, rounds: int = 4) -> None:
    for _ in range(rounds):
        product.carry()


def deliver(product: Product) -> int:
    clock = ManualClock(product.now)
    calls = claimed_calls(clock, 8)
    for call in calls:
        deliver_call(call, clock)
    return len(calls)


def test_it_is_done_when_the_receiver_says_so(product: Product, receiver: Receiver) -> None:
    product.begin()
    carry(product)
    assert product.step("call").state == "begun", "the leader waits for nobody"
    assert deliver(product) == 1
    carry(product)
    assert product.run.state == RunState.DONE
    ((id, body),) = receiver.got
    assert id == str(Call.objects.get().pk)
    assert b'"type":"datacenter-lost"' in body
    assert b'"lost":"PAR1"' in body
    assert product.run.digest.encode() in body
    assert Act.objects.get(step=product.step("call")).said.endswith("204 No Content.")


def test_a_no_is_a_failure_with_its_words(product: Product, receiver: Receiver) -> None:
    receiver.refuses = "hooks.example.net answered 503 Service Unavailable."
    product.begin()
    carry(product)
    deliver(product)
    carry(product)
    assert product.run.state == RunState.PAUSED
    assert "answered 503 Service Unavailable" in product.run.state_reason


def test_an_error_that_nobody_foresaw_is_a_failure_and_is_not_tried_for_ever(
    product: Product, receiver: Receiver
) -> None:
    receiver.breaks = True
    product.begin()
    carry(product)
    assert deliver(product) == 1
    assert Call.objects.get().said == "ValueError: Port out of range 0-65535"
    product.now += CLAIM + timedelta(seconds=1)
    assert deliver(product) == 0


def test_a_key_that_is_not_there_is_told(product: Product) -> None:
    product.begin()
    carry(product)
    deliver(product)
    assert "There is no key status" in Call.objects.get().said


def test_a_deliverer_that_died_gives_it_back_under_the_same_id(
    product: Product, receiver: Receiver
) -> None:
    product.begin()
    carry(product)
    (dead,) = claim_calls(actor=BY, now=product.now, at_most=8)
    assert deliver(product) == 0, "somebody has it"
    product.now += CLAIM + timedelta(seconds=1)
    assert deliver(product) == 1
    assert [id for id, _ in receiver.got] == [str(dead.pk)]
    with pytest.raises(Conflict):
        end_call(call=dead, was_taken=False, said="late", actor=BY, now=product.now)


def test_a_row_that_no_step_asks_for_is_never_sent(product: Product, receiver: Receiver) -> None:
    product.begin()
    carry(product, 2)
    done = Act.objects.get(step=product.step("freeze"))
    forged = [Call(key=key, asked_at=product.now) for key in ("nobody/1", done.key)]
    transitions.create(forged, actor=BY, reason="forged", now=product.now)
    act = Act.objects.get(step=product.step("call"))
    assert deliver(product) == 3
    assert {row.key: row.state for row in Call.objects.all()} == {
        "nobody/1": "failed",
        done.key: "failed",
        act.key: "delivered",
    }
    assert len(receiver.got) == 1


def die_before_the_act(name: str) -> None:
    if name == "after_intent" and Act.objects.filter(step__name="call").exists():
        raise Killed


def test_leaders_killed_in_and_after_each_transaction_ask_for_one_call(
    product: Product, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    product.begin()
    with mortal_leaders(product, monkeypatch) as mortal:
        for _ in range(6):
            mortal.carry()
            deliver(product)
    assert product.run.state == RunState.DONE
    assert mortal.deaths > 4
    assert len(receiver.got) == Call.objects.count() == 1


def test_a_drill_calls_nobody(product: Product, receiver: Receiver) -> None:
    product.begin()
    product.fail = die_before_the_act
    with pytest.raises(Killed):
        carry(product)
    outcome = Calling(bench_of(product, mode=Mode.DRILL)).act(order_of(product, "call"))
    assert outcome.heard is Heard.FAILED
    assert not Call.objects.exists()


def test_the_database_keeps_the_same_moves_as_the_code() -> None:
    assert {f"{a}>{b}" for a, after in CALL_MOVES.items() for b in after} == {
        "waiting>sending",
        "waiting>failed",
        "sending>delivered",
        "sending>failed",
    }
