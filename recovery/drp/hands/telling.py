"""notify, to the team: an alarm of this key, which is raised once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from recovery.alarms.actions import raise_alarm
from recovery.alarms.facts import Severity
from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.drp.plan import PlannedStep
from recovery.drp.sights import Heard, Order, Outcome


@dataclass(slots=True)
class Telling:
    """Its journal is the outbox."""

    step: Callable[[Order], PlannedStep]
    actor: Actor
    now: datetime

    def act(self, order: Order) -> Outcome:
        step = self.step(order)
        raise_alarm(
            key=self._name(order),
            severity=Severity.NOTICE,
            title=f"{step.title}: {step.params['message']}"[:300],
            body=str(step.params["message"]),
            incident=None,
            actor=self.actor,
            reason=order.reason,
            now=self.now,
        )
        return Outcome(Heard.DONE, "It stands in the outbox.")

    def look(self, order: Order) -> Outcome:
        if Alarm.objects.filter(key=self._name(order)).exists():
            return Outcome(Heard.DONE, "It stands in the outbox.")
        return Outcome(Heard.NEVER)

    @staticmethod
    def _name(order: Order) -> str:
        return f"drp:{hashlib.sha256(order.key.encode()).hexdigest()}"
