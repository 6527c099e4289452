"""restore_databases: two people's words begin one restore, and the run waits for what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dashboard.panels import draw
from dashboard.permissions import Role as Person
from dashboard.screen import Screen
from recovery.core.errors import Conflict
from recovery.core.wire.backups import RestoreFact
from recovery.detection.actions import set_pause
from recovery.drp.facts import ActState, Mode, RunState
from recovery.drp.hands.restoring import Restoring
from recovery.drp.journal import Effect
from recovery.drp.models import Act
from recovery.drp.plan import Target
from recovery.drp.press import Press
from recovery.drp.queries import authority
from recovery.drp.sights import Heard, Order
from recovery.drp.views.steps import _item
from recovery.failover.actions import standing
from recovery.failover.models import Vouch
from recovery.inventory.facts import Durability, Plan, Profile, Role
from recovery.inventory.models import Database
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation
from recovery.restores.actions import hear_restores
from recovery.restores.models import Restore
from recovery.restores.screens import views_of
from tests.actions.drp.ground import make_people, pin
from tests.actions.drp.hands.ground import (
    FENCE,
    Killed,
    Product,
    bench_of,
    mortal_leaders,
    order_of,
)
from tests.actions.failover.fleet import copy, describe
from tests.actions.restores.ground import POINT, keep, see
from tests.actions.restores.ground import Ground as Restores
from tests.scenes import scene
from tests.support.fleet import BY, NOW, lose, make_fleet
from tests.support.passkeys import Passkey

Carrying = Callable[[float], None]
TAIL = """\
  - id: restore
    title: Restore
    stage: recovery
    owner: responder
    timeout: 4h
    retries: 0
    point_of_no_return: What is restored is the truth from then on.
    needs: [fence]
    approval: {role: approver, count: 1}
    do: {kind: restore_databases, select: {of: lost, plan: starter}}
"""


@pytest.fixture
def product(db: None, pinned: Path) -> Product:
    return Product(pin(lost(), pinned), pinned, tail=FENCE + TAIL)


@scene
def lost() -> dict[str, Passkey]:
    hosts = make_fleet().hosts
    database = describe(
        "notes", plan=Plan.STARTER, durability=Durability.ASYNCHRONOUS, profile=Profile.STANDARD
    )
    copy(database, hosts["par1-r1-h1"], 1, Role.PRIMARY)
    database.refresh_from_db()
    standing.resume_database(database=database, actor=BY, reason="It serves.", now=NOW)
    for number, site in enumerate(("PAR1", "OSU2"), start=1):
        keep(database, number, site)
    see({1: POINT - timedelta(seconds=20), 2: POINT})
    for name in ("par1-r1-h1", "par1-r2-h1"):
        lose(hosts[name])
    database.refresh_from_db()
    standing.await_host(database=database, actor=BY, reason="Its host is lost.", now=NOW)
    return make_people()


def agents(product: Product) -> Restores:
    """Who answers for the hosts."""
    replica = Database.objects.get(name="notes").primary
    assert replica is not None
    return Restores({}, replica, now=product.now)


def begin(product: Product) -> None:
    product.begin()
    product.reach("restore")


def tell(product: Product) -> None:
    """What hosts say of what they were given."""
    told = agents(product)
    for op in Operation.objects.filter(state=OperationState.INTENDED):
        if op.verb == Verb.RESTORE:
            told.prove()
        else:
            told.answer(Verb(op.verb), OperationState.DONE, "its data are in place")
    row = Restore.objects.filter(phase="route").first()
    if row is not None and row.database.state == "waiting":
        told.serve()


def play(product: Product, carry: Carrying | None = None) -> None:
    """Until the run is over, whoever dies on the way."""
    for _ in range(16):
        (carry or product.carry)(6.0)
        tell(product)
        if product.run.state == RunState.DONE:
            return


def drawn(product: Product, part: str) -> str:
    return draw(f"run-{part}:{product.run.number}", Screen(Person.RESPONDER))


def test_an_act_without_a_restore_says_that_nothing_was_ordered_yet() -> None:
    notes = Target("database", "d1", "notes", 1, "production")
    act = Act(target=notes.key, key="k", state=ActState.INTENDED, intended_at=NOW)
    assert _item(notes, [act], {}, restores=True).waits == "nothing was ordered of it yet"
    assert not _item(notes, [act], {}, restores=False).waits, "a drill restores otherwise"
    assert not _item(notes, [], {}, restores=True).waits, "its turn has not come"


def test_one_restore_goes_by_the_words_of_who_asked_and_who_approved(product: Product) -> None:
    begin(product)
    product.carry()
    row = Restore.objects.get()
    assert (row.vouch.requested_by, row.vouch.given_by) == ("amelie", "bruno")
    assert row.host.datacenter.name == "OSU2"
    assert row.source.number == 2
    assert row.quoted == POINT
    assert Effect.objects.get().object == row.pk
    fact = RestoreFact(
        restore=str(row.pk),
        replica="",
        state="running",
        phase="base",
        done=6_000_000,
        total=12_000_000,
        speed=8e6,
        left_ms=750,
    )
    hear_restores(host=row.host_id, facts=[fact], now=product.now)
    (view,) = views_of(Restore.objects.values_list("pk", flat=True)).values()
    assert view.progress is not None
    assert (view.progress.percent, view.progress.megabytes_a_second) == (50.0, 8.0)
    steps, after = (drawn(product, part) for part in ("steps", "next"))
    named = f'<a href="/databases/notes/">{row}</a>'
    assert f"{named}, step 3 of 7: restore: base, 50" in steps
    assert f"{named} restores notes, step 3 of 7: restore." in after
    assert "goes on by itself" not in after
    play(product)
    assert product.run.state == RunState.DONE, product.run.state_reason
    act = Act.objects.get(step=product.step("restore"))
    assert act.epoch == Database.objects.get(name="notes").epoch
    assert Restore.objects.count() == 1


def test_the_run_stands_above_a_pause_for_exactly_its_own_restores(product: Product) -> None:
    begin(product)
    set_pause(actor=BY, reason="The plan froze it.", now=product.now)
    product.paused = "The plan froze it."
    play(product)
    assert product.run.state == RunState.DONE, product.run.state_reason


def test_a_restore_that_no_run_began_waits_in_a_pause(product: Product) -> None:
    told = agents(product)
    told.epoch = product.epoch
    told.begin()
    product.paused = "Somebody paused it."
    product.carry()
    product.carry()
    assert Restore.objects.get().phase == "choose"


def test_a_run_that_is_over_stands_above_nothing(product: Product) -> None:
    begin(product)
    product.carry()
    assert authority.restores_above_pause() == {Restore.objects.get().pk}
    product.press(Press.ABORT)
    assert authority.restores_above_pause(), "what is on its way is waited for"
    agents(product).answer(Verb.RESTORE, OperationState.FAILED, "host: its disk is full")
    for _ in range(3):
        product.carry(6.0)
    assert product.run.state == RunState.ABORTED
    assert authority.restores_above_pause() == frozenset()


def test_what_goes_less_far_than_was_agreed_to_pauses_the_run(product: Product) -> None:
    begin(product)
    told = agents(product)
    product.carry()
    told.now = product.now
    told.prove(POINT - timedelta(seconds=6))
    product.carry()
    product.carry()
    product.carry()
    assert Restore.objects.get().phase == "abandoned"
    assert product.run.state == RunState.PAUSED
    assert "It ends 6 s before the moment that was agreed to" in product.run.state_reason
    assert Database.objects.get(name="notes").state == "waiting"


def test_four_seconds_less_is_two_readings_of_one_archive(product: Product) -> None:
    begin(product)
    told = agents(product)
    product.carry()
    told.now = product.now
    told.prove(POINT - timedelta(seconds=4))
    play(product)
    assert product.run.state == RunState.DONE, product.run.state_reason


def test_leaders_killed_in_and_after_each_transaction_begin_one_restore(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(product)
    with mortal_leaders(product, monkeypatch) as mortal:
        play(product, mortal.carry)
    assert product.run.state == RunState.DONE, product.run.state_reason
    assert mortal.deaths > 8
    assert Restore.objects.count() == Vouch.objects.count() == Effect.objects.count() == 1
    assert Operation.objects.filter(verb=Verb.RESTORE).count() == 1


def test_what_can_be_restored_less_far_than_was_quoted_begins_nothing(product: Product) -> None:
    product.begin()
    see({2: POINT - timedelta(minutes=5)})
    for _ in range(4):
        product.look(6.0)
    assert product.run.state == RunState.PAUSED
    assert not Restore.objects.exists()


def intended(product: Product) -> Order:
    """Its leader died between the intent and the act."""

    def fail(name: str) -> None:
        if name == "after_intent" and Act.objects.filter(step=product.step("restore")).exists():
            raise Killed

    product.begin()
    product.fail = fail
    with pytest.raises(Killed):
        product.reach("restore")
    assert not Restore.objects.exists()
    return order_of(product, "restore")


def hand(product: Product, **changes: object) -> Restoring:
    """Of a plan that says something else."""
    return Restoring(bench_of(product, **changes))


def test_a_drill_never_touches_a_production_database(product: Product) -> None:
    order = intended(product)
    outcome = hand(product, mode=Mode.DRILL).act(order)
    assert outcome.heard is Heard.FAILED
    assert outcome.said == "notes is production: a drill never touches it."
    assert not Restore.objects.exists()


def test_a_loss_that_was_never_quoted_is_nobodys_to_take(product: Product) -> None:
    order = intended(product)
    outcome = hand(product, quotes=()).act(order)
    assert outcome.heard is Heard.FAILED
    assert "quotes no loss of notes" in outcome.said
    assert not Restore.objects.exists()


def test_glass_that_lets_the_requester_approve_makes_no_two_people_of_one(
    product: Product,
) -> None:
    order = intended(product)
    row = product.run
    row.requested_by = "bruno"
    bench = replace(hand(product).bench, run=row)
    outcome = Restoring(bench).act(order)
    assert outcome.heard is Heard.FAILED
    assert "takes two people" in outcome.said
    assert not Restore.objects.exists()


def test_what_ended_already_begins_nothing_late(product: Product) -> None:
    order = intended(product)
    product.fail = lambda name: None
    play(product)
    assert Restore.objects.count() == 1
    with pytest.raises(Conflict, match="not intended any more"):
        hand(product).act(order)
