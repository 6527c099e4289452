"""place_applications: what the lost datacenter took along starts elsewhere, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from recovery.core import transitions
from recovery.core.errors import Conflict, Refused
from recovery.detection.actions import set_pause
from recovery.drp.facts import Mode, RunState
from recovery.drp.hands.placing import Placing
from recovery.drp.journal import Effect, EffectKind
from recovery.drp.models import Act
from recovery.drp.press import Press
from recovery.drp.queries.promises import back, promised
from recovery.drp.queries.world import world
from recovery.drp.sights import Heard
from recovery.inventory import actions as inventory
from recovery.inventory.facts import ApplicationKind, PlacementState, Replace, Verdict
from recovery.inventory.models import Application, Container, Host, Placement
from recovery.operations.actions import hand_operations, record_outcome
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation
from recovery.scheduling.cycle import reschedule
from tests.actions.drp.ground import make_people, pin
from tests.actions.drp.hands.ground import (
    Product,
    bench_of,
    mortal_leaders,
    order_of,
)
from tests.scenes import scene
from tests.support.fleet import BY, NOW, make_fleet, seat
from tests.support.passkeys import Passkey

TAIL = """\
  - id: place
    title: Place
    stage: recovery
    owner: responder
    timeout: 15m
    retries: 0
    undo: Stop the containers that were started.
    needs: [freeze]
    do: {kind: place_applications, select: {of: lost}}
"""


def lose(name: str, verdict: Verdict = Verdict.LOST, replace: Replace = Replace.HELD) -> None:
    """As detection leaves it under a freeze, or in a storm: held."""
    host = Host.objects.get(name=name)
    transitions.move(
        host, verdict, changes={"replace": str(replace)}, actor=BY, reason="silent", now=NOW
    )


@pytest.fixture
def product(db: None, pinned: Path) -> Product:
    return Product(pin(lost(), pinned), pinned, tail=TAIL)


@scene
def lost() -> dict[str, Passkey]:
    fleet = make_fleet()
    slots = {row.ordinal: row for row in Container.objects.filter(application=fleet.application)}
    seat(slots[1], fleet.hosts["par1-r1-h1"])
    seat(slots[2], fleet.hosts["mrs1-r1-h1"])
    lose("par1-r1-h1")
    lose("par1-r2-h1")
    return make_people()


def obey() -> None:
    """Agents start what they were handed."""
    for op in Operation.objects.filter(verb=Verb.START, state=OperationState.INTENDED):
        hand_operations(operations=[op.pk], actor=BY, now=NOW)
        record_outcome(operation=op.pk, state=OperationState.DONE, detail="", actor=BY, now=NOW)
        assert op.placement is not None
        op.placement.refresh_from_db()
        transitions.move(op.placement, PlacementState.RUNNING, actor=BY, reason="it runs", now=NOW)


def play(product: Product, rounds: int = 8) -> None:
    for _ in range(rounds):
        reschedule(actor=product.actor, now=product.now)
        product.carry(6.0)
        obey()


def seats() -> list[tuple[str, str, str]]:
    rows = Placement.objects.select_related("container__application", "host")
    wanted = rows.exclude(state=PlacementState.LOST).order_by("container__ordinal", "generation")
    return [(str(row.container), row.host.name, row.state) for row in wanted]


def test_what_the_brake_holds_starts_elsewhere_by_the_runs_authority(product: Product) -> None:
    product.begin()
    play(product)
    assert product.run.state == RunState.DONE, product.run.state_reason
    assert seats() == [("shop-1", "osu2-r1-h1", "running"), ("shop-2", "mrs1-r1-h1", "running")]
    act = Act.objects.get(step=product.step("place"))
    assert act.said == "shop: 2 of 2 copies run on osu2-r1-h1, mrs1-r1-h1."
    assert Effect.objects.get().kind == EffectKind.SEAT


def test_without_a_run_the_brake_holds_it(product: Product) -> None:
    play(product)
    assert seats() == [("shop-2", "mrs1-r1-h1", "running")]


def test_the_run_stands_above_a_pause_for_its_own_seats_alone(product: Product) -> None:
    product.begin()
    product.paused = "Somebody paused it."
    other = inventory.register_application(
        name="other",
        about="",
        kind=ApplicationKind.STATELESS,
        copies=1,
        priority=50,
        cpu_millis=100,
        memory_mib=64,
        required_labels={},
        image="",
        command=["serve"],
        actor=BY,
        reason="test",
        now=NOW,
    )
    play(product)
    assert product.run.state == RunState.DONE, product.run.state_reason
    states = Placement.objects.filter(application=other).values_list("state", flat=True)
    assert list(states) == ["planned"], "nobody approved that one"


def test_what_rescheduling_did_already_is_done(product: Product) -> None:
    host = Host.objects.get(name="par1-r1-h1")
    transitions.amend(
        host, {"replace": "allowed"}, action="released", actor=BY, reason="test", now=NOW
    )
    play(product)
    product.begin()
    play(product, 4)
    assert product.run.state == RunState.DONE
    assert not Effect.objects.exists()
    assert len(seats()) == 2


def test_what_does_not_fit_is_told_by_name_and_fails_what_answers_nobody(product: Product) -> None:
    for host in Host.objects.exclude(datacenter__name="PAR1"):
        transitions.amend(host, {"memory_mib": 128}, action="shrunk", actor=BY, reason="t", now=NOW)
    inventory.register_application(
        name="big",
        about="",
        kind=ApplicationKind.STATELESS,
        copies=1,
        priority=90,
        cpu_millis=100,
        memory_mib=4000,
        required_labels={},
        image="",
        command=["serve"],
        actor=BY,
        reason="test",
        now=NOW,
    )
    big = Application.objects.get(name="big")
    seat(big.containers.get(), Host.objects.get(name="par1-r2-h1"), state="lost", port=9001)
    product.begin()
    play(product)
    assert product.run.state == RunState.PAUSED
    said = {act.target_name: act.said for act in Act.objects.filter(step=product.step("place"))}
    assert "big: 0 of 1 copies run. Not placed: big-1: " in said["big"]
    assert "not enough memory" in said["big"]
    assert Effect.objects.get(kind=EffectKind.UNSEATED).name == "big-1"
    assert said["shop"].startswith("shop: 2 of 2 copies run")


def test_of_a_container_of_which_only_one_may_run_a_person_says_that_it_stands_still(
    product: Product,
) -> None:
    app = Application.objects.get(name="shop")
    transitions.amend(app, {"kind": "singleton"}, action="t", actor=BY, reason="t", now=NOW)
    product.begin()
    play(product)
    said = Act.objects.get(step=product.step("place")).said
    assert "shop-1: only one may run: waits for a fencing proof of par1-r1-h1" in said
    assert len(seats()) == 1


def test_what_may_still_run_in_the_datacenter_is_not_started_twice(product: Product) -> None:
    lose("par1-r1-h1", Verdict.UNKNOWN)
    product.begin()
    play(product)
    said = Act.objects.get(step=product.step("place")).said
    assert "shop-1: par1-r1-h1 is unknown: nobody knows that it does not run there." in said


def test_leaders_killed_in_and_after_each_transaction_start_nothing_twice(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    product.begin()
    with mortal_leaders(product, monkeypatch) as mortal:
        for _ in range(8):
            mortal.carry(6.0)
            obey()
            if product.run.state == RunState.DONE:
                break
    assert product.run.state == RunState.DONE, product.run.state_reason
    assert mortal.deaths > 4
    assert len(seats()) == 2
    assert Operation.objects.filter(verb=Verb.START).count() == 1
    assert Placement.objects.count() == 3


def test_what_a_step_started_is_stopped_again_while_nothing_would_start_it(
    product: Product,
) -> None:
    product.begin()
    play(product)
    with pytest.raises(Refused, match="role approver"):
        product.press(Press.UNDO, step="place")
    with pytest.raises(Refused, match="start them again at once"):
        product.press(Press.UNDO, "bruno", step="place")
    with pytest.raises(Refused, match="is not undone here"):
        product.press(Press.UNDO, "bruno", step="freeze")
    set_pause(actor=BY, reason="It comes back.", now=product.now)
    product.paused = "It comes back."
    product.press(Press.UNDO, "bruno", step="place", reason="It comes back.")
    assert seats() == [("shop-1", "osu2-r1-h1", "stopping"), ("shop-2", "mrs1-r1-h1", "running")]
    product.carry()
    stop = Operation.objects.get(verb=Verb.STOP)
    assert stop.state == OperationState.INTENDED, "a pause does not hold what people took back"
    record_outcome(operation=stop.pk, state=OperationState.DONE, detail="", actor=BY, now=NOW)
    play(product, 3)
    waiting = Operation.objects.filter(verb=Verb.START, state=OperationState.WAITING)
    assert waiting.count() == 1, "it is wanted, and waits until the pause is over"
    kinds = Effect.objects.order_by("at").values_list("kind", flat=True)
    assert list(kinds) == [EffectKind.SEAT, EffectKind.UNDONE]
    with pytest.raises(Conflict, match="runs any more"):
        product.press(Press.UNDO, "bruno", step="place")


def test_a_drill_moves_no_container_of_production(product: Product) -> None:
    product.begin()
    product.look(6.0)
    for _ in range(2):
        product.look(6.0)
    before = seats()
    outcome = Placing(bench_of(product, mode=Mode.DRILL)).act(order_of(product, "place"))
    assert outcome.heard is Heard.FAILED
    assert outcome.said == "shop is production: a drill never touches it."
    assert seats() == before


def test_a_service_is_back_once_all_that_the_run_is_about_serves(product: Product) -> None:
    """By eyes that see; what nobody sees is not back."""
    run = product.prepare()
    (name,) = [one.name for one in promised(run) if one.covers == "applications_of_more"]
    assert back(run, world("PAR1", "OSU2"), NOW) == {name}, "its other copy answers users"
    assert not back(run, world("PAR1", "OSU2", blind="Nobody answers."), NOW)
    other = Placement.objects.get(host__name="mrs1-r1-h1")
    transitions.move(other, PlacementState.LOST, actor=BY, reason="test", now=NOW)
    assert not back(run, world("PAR1", "OSU2"), NOW)
