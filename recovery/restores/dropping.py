"""Whether a host is asked once more to drop what a restore left there. Pure."""

from __future__ import annotations

from recovery.operations.facts import UNDER_WAY, OperationState
from recovery.restores.decide import AGAIN_SECONDS, is_passing
from recovery.restores.facts import OrderSight

DISCARD_AGAIN_SECONDS = 600.0
STRAY_SECONDS = 60.0


def discards_again(order: OrderSight, quiet: float) -> bool:
    """Whether a host is asked once more to drop what it may still have: soon where nobody knows
    what became of the order, later where it could not."""
    if order.state is OperationState.DONE or order.state in UNDER_WAY:
        return False
    is_known = order.state is not OperationState.UNKNOWN and not is_passing(order)
    return quiet >= (DISCARD_AGAIN_SECONDS if is_known else AGAIN_SECONDS)


def drops_stray(age: float, order: OrderSight | None, quiet: float, *, is_busy: bool) -> bool:
    """Whether a host is asked to drop what no row knows that it still has. `age`: seconds since it
    was first told of, for an order that ends is told later than what it leaves; `is_busy`: its
    replica has such an order already, and a second one would call that off."""
    if age < STRAY_SECONDS or is_busy:
        return False
    return order is None or discards_again(order, quiet)
