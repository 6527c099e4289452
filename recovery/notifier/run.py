"""Claim, send, record. Any number of notifiers run; a row is claimed by one at a time.

Invariant (I-AL-1): a committed delivery is tried until a channel accepts it. A notifier that
dies between the channel's yes and the receipt causes a second message with the same key, never
a lost one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import structlog
from django.db import DatabaseError, close_old_connections

from recovery import wiring
from recovery.alarms import actions
from recovery.alarms.models import Delivery
from recovery.core.clock import Clock
from recovery.core.ports import NotAccepted
from recovery.core.vault import VaultClosed
from recovery.drp.journal import Call
from recovery.notifier.calls import claimed_calls, deliver_call

log = structlog.get_logger()
POLL_SECONDS = 0.5
AT_ONCE = 8
"""A channel that hangs must not keep the others waiting."""
CALLS_AT_ONCE = 4
"""Webhooks have hands of their own: a receiver that is slow keeps no alarm waiting."""

Due = TypeVar("Due", Delivery, Call)


@dataclass(slots=True)
class Hands(Generic[Due]):
    """So many things of one kind at once: `claim` takes what is due, `send` sends one."""

    pool: ThreadPoolExecutor
    size: int
    claim: Callable[[int], Sequence[Due]]
    send: Callable[[Due], None]
    busy: set[Future[None]] = field(default_factory=set)

    def take(self) -> None:
        """What is due, as far as hands are free."""
        self.busy = {one for one in self.busy if not one.done()}
        if free := self.size - len(self.busy):
            self.busy |= {self.pool.submit(self._in_thread, one) for one in self.claim(free)}

    def _in_thread(self, one: Due) -> None:
        """With a connection that works; what fails here is claimed again later."""
        close_old_connections()
        try:
            self.send(one)
        except DatabaseError as error:
            log.warning("no receipt written", about=str(one.pk), error=str(error).strip())


def run_notifier(*, clock: Clock, stop: threading.Event) -> None:
    """Deliver until told to stop."""
    with (
        ThreadPoolExecutor(AT_ONCE, thread_name_prefix="deliver") as people,
        ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="call") as machines,
    ):
        alarms, calls = hands_of(people, machines, clock)
        while not stop.wait(POLL_SECONDS):
            close_old_connections()
            try:
                alarms.take()
                calls.take()
            except DatabaseError as error:
                log.warning("rows are away", error=str(error).strip())


def hands_of(
    people: ThreadPoolExecutor, machines: ThreadPoolExecutor, clock: Clock
) -> tuple[Hands[Delivery], Hands[Call]]:
    """Of messages to people, and of webhooks."""
    return (
        Hands(
            people,
            AT_ONCE,
            claim=lambda free: actions.claim_deliveries(now=clock.now(), at_most=free),
            send=lambda one: deliver(one, clock),
        ),
        Hands(
            machines,
            CALLS_AT_ONCE,
            claim=lambda free: claimed_calls(clock, free),
            send=lambda one: deliver_call(one, clock),
        ),
    )


def deliver(delivery: Delivery, clock: Clock) -> None:
    """One message to one channel, and what became of it."""
    channel = delivery.channel
    key = f"alarm-{delivery.alarm_id}-{delivery.pk}"
    try:
        notifier = wiring.notifier_for(channel.kind, channel.secret_address)
        receipt = notifier.send(subject=delivery.subject, text=delivery.text, key=key)
    except (NotAccepted, VaultClosed) as refusal:
        log.warning("not accepted", channel=channel.name, reason=str(refusal))
        actions.record_refused(delivery=delivery, error=str(refusal), now=clock.now())
    except Exception as error:  # another try, later and later, and at last given up
        log.exception("a channel met an error", channel=channel.name)
        told = f"{type(error).__name__}: {error}"
        actions.record_refused(delivery=delivery, error=told, now=clock.now())
    else:
        actions.record_accepted(delivery=delivery, receipt=receipt, now=clock.now())
