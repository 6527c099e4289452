"""What a hand writes: in one transaction of the leader, and only for an act that is intended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from recovery.audit.facts import Actor
from recovery.core import control, incarnations
from recovery.core.errors import Conflict, Refused
from recovery.drp.facts import ActState, Mode
from recovery.drp.hands.bench import Bench
from recovery.drp.models import Act, ApprovalUse
from recovery.drp.sights import Order


@contextmanager
def intended(order: Order, actor: Actor) -> Iterator[Act]:
    """The act's own row, locked. `Conflict` where somebody said meanwhile how it ended."""
    with control.deciding(actor.epoch):
        if quarantined := incarnations.quarantine_reason():
            raise Refused(quarantined)
        act = Act.objects.select_for_update().filter(key=order.key).first()
        if act is None or act.state != ActState.INTENDED:
            raise Conflict(f"{order.key} is not intended any more.")
        yield act


def refuse_target(bench: Bench, order: Order) -> str:
    """The engine asks this before; whoever touches production's rows asks once more (I-DR-4)."""
    target = order.target
    if target is None:
        return "It names no target."
    is_real = bench.plan.mode in {Mode.PLANNED, Mode.DISASTER} and target.realm == "production"
    return "" if is_real else f"{target.name}: a {bench.plan.mode} never touches {target.realm}."


def people_of(bench: Bench, act: Act) -> tuple[str, ...]:
    """Who asked for the run, and who approved this round of the step: the first comes first."""
    uses = ApprovalUse.objects.filter(step=act.step_id, round=act.round).order_by("used_at", "pk")
    approved = uses.values_list("approval__approver", flat=True)
    return tuple(dict.fromkeys([bench.run.requested_by, *approved]))
