"""notify: the team by an alarm, which is raised once; others by a message to their channels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from recovery.alarms.actions import raise_alarm, send_message
from recovery.alarms.facts import Audience, DeliveryState, Severity
from recovery.alarms.models import Alarm, Delivery
from recovery.alarms.queries import told
from recovery.core.errors import Refused
from recovery.drp.actions.effects import beginning
from recovery.drp.facts import Mode
from recovery.drp.hands.bench import Bench
from recovery.drp.sights import Heard, Order, Outcome


@dataclass(slots=True)
class Telling:
    """Its journal is the outbox: one message for each key, and its receipts. The team is told once
    it stands there, for it rings on the page, too; others once a channel took it."""

    bench: Bench

    def act(self, order: Order) -> Outcome:
        with beginning(order, self.bench.actor):
            try:
                self._tell(order)
            except Refused as error:
                return Outcome(Heard.FAILED, str(error))
        return self.look(order)

    def look(self, order: Order) -> Outcome:
        if not Alarm.objects.filter(key=_name(order)).exists():
            return Outcome(Heard.NEVER)
        if self._audience(order) is Audience.TEAM:
            return Outcome(Heard.DONE, "It stands in the outbox.")
        return outcome_of(told(_name(order)))

    def _tell(self, order: Order) -> None:
        bench, step = self.bench, self.bench.step(order)
        audience, message = self._audience(order), str(step.params["message"])
        if audience is Audience.TEAM:
            raise_alarm(
                key=_name(order),
                severity=Severity.NOTICE,
                title=f"{step.title}: {message}"[:300],
                body=message,
                incident=None,
                actor=bench.actor,
                reason=order.reason,
                now=bench.now,
            )
            return
        if bench.plan.mode is Mode.DRILL:
            raise Refused(f"A drill tells {audience} nothing.", kept="Nobody was told.")
        send_message(
            key=_name(order),
            audience=audience,
            title=message,
            body=message,
            actor=bench.actor,
            reason=order.reason,
            now=bench.now,
        )

    def _audience(self, order: Order) -> Audience:
        return Audience(str(self.bench.step(order).params["audience"]))


def outcome_of(messages: Sequence[Delivery]) -> Outcome:
    """One channel that took it is enough; what the others say is told with it."""
    taken = [one.channel.name for one in messages if one.state == DeliveryState.ACCEPTED]
    given_up = [one for one in messages if one.state == DeliveryState.GIVEN_UP]
    waiting = [one for one in messages if one not in given_up and one.channel.name not in taken]
    if taken:
        return Outcome(Heard.DONE, f"Taken by {', '.join(taken)}.")
    if waiting:
        why = next((f" {one.last_error}" for one in waiting if one.last_error), "")
        return Outcome(Heard.UNDER_WAY, f"No channel has taken it yet.{why}")
    why = "; ".join(f"{one.channel.name}: {one.last_error}" for one in given_up)
    return Outcome(Heard.FAILED, f"No channel took it. {why}")


def _name(order: Order) -> str:
    return f"drp:{hashlib.sha256(order.key.encode()).hexdigest()}"
