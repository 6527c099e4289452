"""switch_traffic: done when users were answered at the edge."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from recovery.core import transitions
from recovery.drp.facts import Mode, RunState
from recovery.drp.hands.switching import Switching
from recovery.drp.journal import Effect, EffectKind
from recovery.drp.leading import led_database
from recovery.drp.models import Act
from recovery.drp.queries.leading import database_led
from recovery.drp.sights import Heard
from recovery.failover.actions import standing
from recovery.inventory.actions import WriteSight, note_writes
from recovery.inventory.facts import Role
from recovery.inventory.models import Application, Container, Database, Host
from recovery.traffic.actions import note_pulses
from recovery.traffic.facts import Answer
from recovery.traffic.timeline import Rate
from tests.actions.drp.ground import make_people, pin
from tests.actions.drp.hands.ground import (
    Product,
    bench_of,
    mortal_leaders,
    order_of,
)
from tests.actions.failover.fleet import copy, describe
from tests.scenes import scene
from tests.support.fleet import BY, NOW, lose, make_fleet, seat
from tests.support.passkeys import Passkey

TAIL = """\
  - id: traffic
    title: Traffic
    stage: recovery
    owner: responder
    timeout: 10m
    retries: 0
    undo: Lead them back; the routes of before are kept.
    needs: [freeze]
    do: {kind: switch_traffic, select: {of: lost}, what: WHAT}
"""


def answered(product: Product, answer: Answer) -> None:
    rate = Rate(asked=10, answered=10, unknown=0, latency_ms=4.0, last=answer)
    shop = Application.objects.get(name="shop")
    note_pulses(rates={shop.pk: rate}, now=product.now)


@pytest.fixture
def product(db: None, pinned: Path) -> Product:
    return Product(pin(moved(), pinned), pinned, tail=TAIL.replace("WHAT", "applications"))


@scene
def moved() -> dict[str, Passkey]:
    fleet = make_fleet()
    slots = {row.ordinal: row for row in Container.objects.filter(application=fleet.application)}
    for n, host in enumerate(fleet.hosts.values()):
        address = {"address": f"10.0.0.{n + 1}"}
        transitions.amend(host, address, action="met", actor=BY, reason="test", now=NOW)
    seat(slots[1], fleet.hosts["par1-r1-h1"], state="lost")
    seat(slots[1], fleet.hosts["osu2-r1-h1"], generation=2)
    seat(slots[2], fleet.hosts["mrs1-r1-h1"])
    lose(fleet.hosts["par1-r1-h1"])
    lose(fleet.hosts["par1-r2-h1"])
    return make_people()


def test_users_who_are_answered_at_the_edge_end_the_step(product: Product) -> None:
    product.begin()
    for _ in range(4):
        product.carry()
    assert product.step("traffic").state == "begun", "nobody was seen to get an answer"
    answered(product, Answer.NO)
    product.carry()
    assert product.step("traffic").state == "begun"
    answered(product, Answer.YES)
    for _ in range(3):
        product.carry()
    assert product.run.state == RunState.DONE
    said = Act.objects.get(step=product.step("traffic")).said
    assert said.startswith("shop: the edge answers (100 % of the last minute's requests) by http")
    kept = Effect.objects.get(kind=EffectKind.ROUTE)
    assert kept.said == "par1-r1-h1:9000"


def test_leaders_killed_in_and_after_each_transaction_note_one_way(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    product.begin()
    with mortal_leaders(product, monkeypatch) as mortal:
        for _ in range(6):
            mortal.carry()
            answered(product, Answer.YES)
    assert product.run.state == RunState.DONE
    assert mortal.deaths > 4
    assert Effect.objects.count() == 1


def test_a_drill_leads_no_users_of_production(product: Product) -> None:
    product.begin()
    for _ in range(3):
        product.carry()
    order = order_of(product, "traffic")
    outcome = Switching(bench_of(product, mode=Mode.DRILL)).act(order)
    assert outcome.heard is Heard.FAILED
    assert outcome.said == "shop is production: a drill never touches it."


def test_a_database_is_led_once_a_users_write_was_acknowledged(product: Product) -> None:
    copy(describe("orders", site="OSU2"), Host.objects.get(name="osu2-r1-h1"), 1, Role.PRIMARY)
    database = Database.objects.get(name="orders")
    transitions.amend(database, {"edge_port": 8100}, action="x", actor=BY, reason="t", now=NOW)
    assert not database_led(database.pk).is_open
    standing.resume_database(database=database, actor=BY, reason="It serves.", now=NOW)
    later = NOW + timedelta(seconds=3)
    note_writes(sights=[WriteSight(database.pk, 1, NOW, 4.0, None, "", 0)], now=later)
    assert led_database(database_led(database.pk), "PAR1", later).heard is Heard.UNDER_WAY
    note_writes(sights=[WriteSight(database.pk, 1, later, 4.0, None, "", 0)], now=later)
    outcome = led_database(database_led(database.pk), "PAR1", later)
    assert outcome.heard is Heard.DONE
    assert "through its door to osu2-r1-h1" in outcome.said
