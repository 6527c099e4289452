"""place_applications of what lives: a copy starts there, answers, and the old one is stopped."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from django.contrib.auth.models import User
from django.test import Client

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Refused
from recovery.detection.actions import clear_pause, set_pause
from recovery.drp import actions
from recovery.drp.actions.runs import Override
from recovery.drp.facts import Mode, RunState
from recovery.drp.journal import Effect, EffectKind
from recovery.drp.looking import look
from recovery.drp.models import Act
from recovery.drp.planning.inventory import Wish
from recovery.drp.planning.refusing import refuse_plan
from recovery.drp.press import Press
from recovery.drp.queries.failback import back_of
from recovery.drp.queries.runs import plan_of
from recovery.drp.queries.world import unfit_of, world, world_for
from recovery.drp.runbooks.kinds import Condition
from recovery.drp.views.starts import ReturnLine, returns
from recovery.failover.actions.fences import Cause, raise_fence
from recovery.inventory.facts import PlacementState, Verdict
from recovery.inventory.models import Application, Datacenter, Host, Placement
from recovery.operations.actions import hand_operations, record_outcome
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation
from recovery.scheduling.cycle import reschedule
from tests.actions.drp.ground import pin
from tests.actions.drp.hands.ground import Product, mortal_leaders, served
from tests.actions.drp.hands.test_placing import TAIL, lose, seats
from tests.dashboard.drp.conftest import text
from tests.support.fleet import BY, NOW

ANSWERING = ("running", "sick")


@pytest.fixture
def product(db: None, pinned: Path) -> Product:
    return Product(pin(served(), pinned), pinned, tail=TAIL, reschedules=True)


@pytest.fixture(autouse=True)
def frozen(product: Product) -> None:
    """As the step before it left it: this ground fakes who freezes."""
    set_pause(actor=BY, reason="A run froze it.", now=NOW)
    product.paused = "A run froze it."


def obey() -> None:
    """Agents do what they were handed; at no moment less than both copies answer."""
    for op in Operation.objects.filter(state=OperationState.INTENDED).order_by("requested_at"):
        hand_operations(operations=[op.pk], actor=BY, now=NOW)
        record_outcome(operation=op.pk, state=OperationState.DONE, detail="", actor=BY, now=NOW)
        assert op.placement is not None
        op.placement.refresh_from_db()
        to = PlacementState.RUNNING if op.verb == Verb.START else PlacementState.STOPPED
        if op.placement.state != to:
            transitions.move(op.placement, to, actor=BY, reason="so it is", now=NOW)


def answering() -> int:
    return Placement.objects.filter(state__in=ANSWERING).values("container").distinct().count()


def play(product: Product, rounds: int = 14) -> None:
    for _ in range(rounds):
        product.carry(6.0)
        obey()
        assert answering() == 2, "never below what is wanted"
        if product.run.state != RunState.RUNNING:
            return


def begin(product: Product, mode: Mode = Mode.PLANNED) -> None:
    product.head = "evacuation"
    product.prepare(mode)
    assert refuse_plan(plan_of(product.run)) == ""
    product.press(Press.START)


def active() -> list[tuple[str, str, str]]:
    return [one for one in seats() if one[2] != "stopped"]


def test_copies_move_one_after_the_other_and_never_fewer_answer(product: Product) -> None:
    begin(product)
    most = 0
    for _ in range(14):
        product.carry(6.0)
        most = max(most, Placement.objects.exclude(state__in=["stopped", "lost"]).count())
        obey()
        assert answering() == 2
    assert product.run.state == RunState.DONE, product.run.state_reason
    assert [(name, state) for name, _, state in active()] == [
        ("shop-1", "running"),
        ("shop-2", "running"),
    ]
    assert {host[:4] for _, host, _ in active()} == {"osu2"}
    assert most == 3, "one at a time"
    act = Act.objects.get(step=product.step("place"))
    assert act.said.startswith("shop: 2 of 2 copies run on osu2-")
    assert Effect.objects.filter(kind=EffectKind.SEAT).count() == 2


def test_what_serves_on_in_what_is_left_is_named(product: Product) -> None:
    begin(product)

    def seen() -> str:
        there = world_for((Condition.DATACENTER_IS_EMPTY,), plan_of(product.run))
        return look(Condition.DATACENTER_IS_EMPTY, there).said

    assert seen() == "In PAR1 users are still served by 1 application (shop)."
    for host in Host.objects.filter(datacenter__name="PAR1"):
        transitions.amend(
            host, {"verdict": "agent-down"}, action="t", actor=BY, reason="t", now=NOW
        )
    assert seen().startswith("Whether PAR1 still serves 1 application (shop) nobody knows")
    for host in Host.objects.filter(datacenter__name="PAR1"):
        transitions.amend(host, {"verdict": "alive"}, action="t", actor=BY, reason="t", now=NOW)
    play(product)
    assert product.run.state == RunState.DONE, product.run.state_reason
    assert seen() == "Nothing in PAR1 serves users."


def test_leaders_killed_in_and_after_each_transaction_move_nothing_twice(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(product)
    with mortal_leaders(product, monkeypatch) as mortal:
        for _ in range(40):
            mortal.carry(6.0)
            obey()
            assert answering() == 2
            if product.run.state == RunState.DONE:
                break
    assert product.run.state == RunState.DONE, product.run.state_reason
    assert mortal.deaths > 6
    assert Placement.objects.count() == 4
    assert Operation.objects.filter(verb=Verb.START).count() == 2
    assert Operation.objects.filter(verb=Verb.STOP).count() == 2


def test_of_what_only_one_may_run_the_old_one_is_gone_before_the_new_one_starts(
    product: Product,
) -> None:
    app = Application.objects.get(name="shop")
    transitions.amend(app, {"kind": "singleton"}, action="t", actor=BY, reason="t", now=NOW)
    begin(product)
    for _ in range(20):
        product.carry(6.0)
        obey()
        twice = Placement.objects.filter(state__in=["starting", *ANSWERING])
        assert twice.count() <= 2
        if product.run.state == RunState.DONE:
            break
    assert product.run.state == RunState.DONE, product.run.state_reason
    assert {host[:4] for _, host, _ in active()} == {"osu2"}


def test_what_lives_where_it_is_left_is_whole_until_it_is_lost(product: Product) -> None:
    """Or an evacuation would never begin, and a return would wait for its own end."""
    whole = Condition.REDUNDANCY_IS_WHOLE
    assert look(whole, world("PAR1", "OSU2")).share == 100
    lose("par1-r1-h1")
    assert look(whole, world("PAR1", "OSU2")).share == 0


def test_what_lives_behind_a_fence_is_no_copy(product: Product) -> None:
    """Its datacenter is told to run nothing, whatever still answers there."""
    site = Datacenter.objects.get(name="PAR1")
    cause = Cause("key", uuid4(), "DRP-0001", "fence", "amelie")
    raise_fence(datacenter=site.pk, cause=cause, actor=BY, reason="It burns.", now=NOW)
    assert look(Condition.REDUNDANCY_IS_WHOLE, world("PAR1", "OSU2")).share == 0


def test_what_finds_no_room_there_stays_where_it_is_and_says_so(product: Product) -> None:
    for host in Host.objects.filter(datacenter__name="OSU2"):
        transitions.amend(host, {"memory_mib": 1}, action="t", actor=BY, reason="t", now=NOW)
    begin(product)
    play(product)
    assert product.run.state == RunState.PAUSED
    said = Act.objects.get(step=product.step("place")).said
    assert said.startswith("shop: 0 of 2 copies are in OSU2. shop-1 stays where it is: ")
    assert {host[:4] for _, host, _ in active()} == {"par1"}


def test_nothing_is_moved_while_rescheduling_would_take_it_back(product: Product) -> None:
    begin(product)
    clear_pause(actor=BY, reason="Too early.", now=NOW)
    product.paused = ""
    play(product)
    said = Act.objects.get(step=product.step("place")).said
    assert said == "Rescheduling is not frozen: it would take back what is begun here."
    assert Placement.objects.count() == 2


def test_an_aborted_run_leaves_the_old_copy_and_says_that_it_was_in_the_middle(
    product: Product,
) -> None:
    begin(product)
    for _ in range(3):
        product.carry(6.0)
    assert Placement.objects.filter(provisional=True).exists()
    product.press(Press.ABORT)
    for _ in range(4):
        product.carry(6.0)
        obey()
    assert product.run.state == RunState.ABORTED
    said = Act.objects.get(step=product.step("place")).said
    assert said == "The run was aborted in the middle: the rest stays where it is."
    assert answering() == 2
    assert Placement.objects.get(provisional=True).state == "stopping", "nobody keeps it any more"


def test_undo_never_leaves_too_few(product: Product) -> None:
    begin(product)
    play(product)
    with pytest.raises(Refused, match="too few would be left") as refused:
        product.press(Press.UNDO, "bruno", step="place", reason="No.")
    assert f"Return from {product.run}" in refused.value.todo


# ---------------------------------------------------------------------- there and back


def back(product: Product, number: int, out_of: str) -> None:
    """The other way round, as a plan generated from what that run moved."""
    product.head = "return"
    actions.prepare_run(
        runbook=product.write(),
        wish=Wish(
            Mode.PLANNED,
            out_of,
            "PAR1",
            "PAR1 is back.",
            back=back_of(number, out_of=out_of, into="PAR1"),
        ),
        override=Override("It was never drilled."),
        refuse=refuse_plan,
        actor=Actor("person", "amelie"),
        reason="Back.",
        now=product.now,
    )
    product.press(Press.START)


def settle(product: Product) -> None:
    """Between the plans automation runs: what came back is stopped where its place is taken."""
    clear_pause(actor=BY, reason="It is over.", now=NOW)
    reschedule(actor=product.actor, now=product.now)
    obey()
    product.paused = ""
    product.carry()
    obey()
    set_pause(actor=BY, reason="A run froze it.", now=NOW)
    product.paused = "A run froze it."


def offers_it(product: Product, line: ReturnLine) -> None:
    """The page where runbooks are started."""
    product.head = "return"
    product.write()
    client = Client()
    client.force_login(User.objects.get(username="amelie"))
    page = client.get("/recovery/start/?lost=PAR1").content.decode()
    assert f"Return from {product.run}" in page
    assert "PAR1 answers, whole" in page
    where = f"/recovery/start/?runbook=return&mode=planned&lost={line.lost}&into=PAR1"
    shown = text(client.get(f"{where}&origin={line.number}"))
    assert "copy 1 was on par1-r1-h1" in shown
    assert "exactly what" in shown


def test_after_a_disaster_exactly_what_it_placed_goes_back(product: Product) -> None:
    always = Application.objects.get(name="shop")
    lose("par1-r1-h1")
    first = Host.objects.get(name="par1-r1-h1")
    product.begin()
    for _ in range(8):
        reschedule(actor=product.actor, now=product.now)
        product.carry(6.0)
        obey()
    assert product.run.state == RunState.DONE, product.run.state_reason
    number = product.run.number
    assert always.copies == 2
    moved = Effect.objects.get(kind=EffectKind.SEAT)
    assert moved.name.startswith("shop-1")
    first.refresh_from_db()
    transitions.move(first, Verdict.ALIVE, actor=BY, reason="back", now=NOW)
    settle(product)
    (line,) = returns()
    assert (line.number, line.into, line.applications) == (number, "PAR1", 1)
    before = {name: host for name, host, state in active() if name == "shop-2"}
    offers_it(product, line)
    back(product, number, line.lost)
    plan = plan_of(product.run)
    assert (plan.origin, [one.copies for one in plan.moves]) == (number, [(1,)])
    play(product)
    assert product.run.state == RunState.DONE, product.run.state_reason
    after = dict((name, host) for name, host, state in active() if state == "running")
    assert after["shop-1"].startswith("par1")
    assert after["shop-2"] == before["shop-2"], "the run never moved it"
    assert [one.number for one in returns()] == [product.run.number], (
        "the other way round, if at all"
    )


def test_what_lives_is_looked_for_room_in_the_datacenter_that_takes_over_alone(
    product: Product,
) -> None:
    """By every dimension and seat, as the moves will be: memory was there, and a run stopped behind
    its point of no return for want of CPU."""
    begin(product)
    plan = plan_of(product.run)
    assert unfit_of(plan) == ()
    for host in Host.objects.filter(datacenter__name=plan.into.name):
        transitions.amend(host, {"cpu_millis": 1}, action="t", actor=BY, reason="t", now=NOW)
    [lacks] = unfit_of(plan)
    assert (lacks.name, lacks.copies) == ("shop", 2)
    assert "not enough CPU" in lacks.reason
    lost = msgspec.structs.replace(plan, mode=Mode.DISASTER)
    assert unfit_of(lost) == (), "what was lost goes elsewhere, too"
