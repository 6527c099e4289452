"""A copy whose seats come to nothing again and again fails, with their number and the reason."""

from __future__ import annotations

from recovery.core import transitions
from recovery.drp.facts import RunState
from recovery.drp.models import Act
from recovery.drp.queries.copies import MOST_SEATS
from recovery.drp.views.runs import view_run
from recovery.inventory.facts import PlacementState
from recovery.inventory.models import Placement
from recovery.operations.actions import hand_operations, record_outcome
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation
from tests.actions.drp.hands import test_moving
from tests.actions.drp.hands.ground import Product
from tests.actions.drp.hands.test_moving import answering, begin
from tests.actions.drp.hands.test_placing import lose
from tests.support.fleet import BY, NOW

product, frozen = test_moving.product, test_moving.frozen


def refuse() -> None:
    """No host starts it: each seat fails, with the agent's words."""
    for op in Operation.objects.filter(state=OperationState.INTENDED, verb=Verb.START):
        hand_operations(operations=[op.pk], actor=BY, now=NOW)
        record_outcome(
            operation=op.pk, state=OperationState.FAILED, detail="no such image", actor=BY, now=NOW
        )
        assert op.placement is not None
        op.placement.refresh_from_db()
        if op.placement.state == PlacementState.FAILED:
            continue
        changes = {"ended_at": NOW, "detail": "no such image"}
        transitions.move(
            op.placement, PlacementState.FAILED, actor=BY, reason="no", now=NOW, changes=changes
        )


def why(product: Product) -> str:
    view = view_run(product.run.number)
    assert view is not None
    return next(step.why for step in view.steps if step.line.id == "place")


def test_a_move_is_given_up_after_so_many_seats_and_the_page_counts_them_until_then(
    product: Product,
) -> None:
    begin(product)
    told: list[str] = []
    for _ in range(60):
        product.carry(6.0)
        refuse()
        told.append(why(product))
        assert answering() == 2, "the old ones stay"
        if product.run.state != RunState.RUNNING:
            break
    assert product.run.state == RunState.PAUSED, told[-3:]
    assert any(
        f"shop-1: seats given up before: 2 of at most {MOST_SEATS}; the last, shop-1 g" in one
        and "is failed: no such image." in one
        for one in told
    )
    first = Act.objects.filter(step=product.step("place")).order_by("number").first()
    assert first is not None
    assert first.said.startswith(
        f"shop-1: {MOST_SEATS} seats of it were given up, and no further one is tried: the last,"
    )
    assert first.said.endswith("is failed: no such image.")
    acts = Act.objects.filter(step=product.step("place")).count()
    assert Placement.objects.filter(state="failed").count() == MOST_SEATS * acts


def test_of_what_was_lost_a_copy_that_starts_nowhere_is_told_and_not_waited_for(
    product: Product,
) -> None:
    product.reschedules = False
    lose("par1-r1-h1")
    product.begin()
    for _ in range(60):
        product.carry(6.0)
        refuse()
        if product.run.state != RunState.RUNNING:
            break
    act = Act.objects.filter(step=product.step("place")).order_by("number").first()
    assert act is not None
    assert f"shop-1: {MOST_SEATS} seats of it were given up" in act.said
