"""Whether the host that a database left has closed what it has of it. Pure."""

from __future__ import annotations

from recovery.core.wire.databases import UNLISTED
from recovery.operations.facts import UNDER_WAY, OperationState
from recovery.restores.facts import Left, OrderSight
from recovery.restores.lost import GONE


def unclosed(order: OrderSight | None, left: Left | None) -> str:
    """Why its old host may still start it; empty: it signed that it does not, its newer list had it
    ended before, or nobody asks it."""
    if order is None or left is None or left.verdict in GONE:
        return ""
    is_unlisted = order.state is OperationState.REFUSED and order.detail == UNLISTED
    if order.state is OperationState.DONE or is_unlisted:
        return ""
    said = "" if order.state in UNDER_WAY else f" ({order.detail or order.state})"
    return (
        f"{left.name} has not said yet that it starts it no more{said}: until it does, or is lost,"
        " nothing is put in place."
    )
