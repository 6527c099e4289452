"""notify: the team by an alarm, others by a message that one of their channels took."""

from __future__ import annotations

from pathlib import Path

import pytest

from recovery.alarms.actions import (
    GIVE_UP_AFTER,
    claim_deliveries,
    record_accepted,
    record_refused,
    register_channel,
)
from recovery.alarms.facts import Audience
from recovery.alarms.models import Alarm, Delivery
from recovery.drp.facts import Mode, RunState
from recovery.drp.hands.telling import Telling
from recovery.drp.models import Act
from recovery.drp.planning.refusing import refuse_plan
from recovery.drp.queries.runs import plan_of
from recovery.drp.sights import Heard
from tests.actions.drp.ground import pin
from tests.actions.drp.hands.ground import (
    Killed,
    Product,
    bench_of,
    met,
    mortal_leaders,
    order_of,
)
from tests.support.fleet import BY, NOW

TAIL = """\
  - id: tell
    title: Tell customers
    stage: recovery
    owner: responder
    timeout: 5m
    retries: 0
    undo: A second message takes it back.
    needs: [freeze]
    do: {kind: notify, audience: customers, message: Your services run again.}
"""


@pytest.fixture
def product(db: None, pinned: Path) -> Product:
    return Product(pin(met(), pinned), pinned, tail=TAIL)


def channel(audience: Audience = Audience.CUSTOMERS) -> None:
    register_channel(
        name=f"{audience} by mail",
        kind="mail",
        address="all@example.invalid",
        audience=audience,
        actor=BY,
        reason="test",
        now=NOW,
    )


def carry(product: Product, rounds: int = 4) -> None:
    for _ in range(rounds):
        product.carry()


def test_it_is_done_once_a_channel_took_it(product: Product) -> None:
    channel()
    product.begin()
    assert refuse_plan(plan_of(product.run)).count("notify") == 0
    carry(product)
    assert product.step("tell").state == "begun"
    (delivery,) = claim_deliveries(now=product.now)
    record_accepted(delivery=delivery, receipt="250 OK", now=product.now)
    carry(product)
    assert product.run.state == RunState.DONE
    assert Act.objects.get(step=product.step("tell")).said == "Taken by customers by mail."
    assert Delivery.objects.get().subject == "Your services run again."


def test_without_a_channel_to_them_the_step_fails_and_says_how_to_name_one(
    product: Product,
) -> None:
    channel(Audience.TEAM)
    product.begin()
    carry(product)
    assert product.run.state == RunState.PAUSED
    assert "No channel reaches customers." in product.run.state_reason
    assert not Delivery.objects.exists()


def test_what_every_channel_refused_is_not_told(product: Product) -> None:
    channel()
    product.begin()
    carry(product)
    Delivery.objects.update(attempts=GIVE_UP_AFTER)
    record_refused(delivery=Delivery.objects.get(), error="550 no such user", now=product.now)
    carry(product)
    assert product.run.state == RunState.PAUSED
    assert "550 no such user" in product.run.state_reason


def test_leaders_killed_in_and_after_each_transaction_tell_once(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel()
    product.begin()
    with mortal_leaders(product, monkeypatch) as mortal:
        for _ in range(6):
            mortal.carry()
            for delivery in claim_deliveries(now=product.now):
                record_accepted(delivery=delivery, receipt="250 OK", now=product.now)
    assert product.run.state == RunState.DONE
    assert mortal.deaths > 4
    assert Delivery.objects.count() == Alarm.objects.filter(key__startswith="drp:").count() == 1


def test_a_drill_tells_customers_nothing(product: Product) -> None:
    channel()
    product.begin()
    product.fail = die_before_the_act
    with pytest.raises(Killed):
        carry(product)
    outcome = Telling(bench_of(product, mode=Mode.DRILL)).act(order_of(product, "tell"))
    assert outcome.heard is Heard.FAILED
    assert outcome.said.startswith("A drill tells customers nothing.")
    assert not Delivery.objects.exists()


def die_before_the_act(name: str) -> None:
    if name == "after_intent" and Act.objects.filter(step__name="tell").exists():
        raise Killed
