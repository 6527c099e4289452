"""freeze_automation: a row that every decider obeys, until a person lifts it. In a drill: nothing,
for what is frozen would be production's (I-DR-4)."""

from __future__ import annotations

from recovery.core import control
from recovery.detection.facts import Part
from recovery.detection.freezes import Cause, freeze_automation
from recovery.detection.models import Freeze
from recovery.drp.facts import Mode
from recovery.drp.hands.bench import Bench
from recovery.drp.sights import Heard, Order, Outcome


class Freezing:
    """Its journal is the freeze itself: one that was lifted meanwhile was done, too."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def act(self, order: Order) -> Outcome:
        bench = self._bench
        if bench.plan.mode not in {Mode.PLANNED, Mode.DISASTER}:
            return Outcome(Heard.DONE, f"A {bench.plan.mode} freezes nothing of production.")
        with control.deciding(bench.actor.epoch):
            row = freeze_automation(
                cause=Cause(
                    key=order.key,
                    run=bench.run.pk,
                    run_name=str(bench.run),
                    step=order.step,
                    by=bench.run.requested_by,
                ),
                parts=[Part(each) for each in bench.step(order).params["what"]],
                actor=bench.actor,
                reason=bench.run.request_reason,
                now=bench.now,
            )
        return Outcome(Heard.DONE, _said(row))

    def look(self, order: Order) -> Outcome:
        row = Freeze.objects.filter(key=order.key).first()
        return Outcome(Heard.DONE, _said(row)) if row else Outcome(Heard.NEVER)


def _said(row: Freeze) -> str:
    if row.lifted_by:
        return f"It was frozen; {row.lifted_by} lifted it since."
    parts = ", ".join(part.replace("_", " ") for part in row.parts)
    return f"Frozen until a person lifts it: {parts}."
