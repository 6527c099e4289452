"""Claim, send, record. Any number of notifiers run; a row is claimed by one at a time.

Invariant (I-AL-1): a committed delivery is tried until a channel accepts it. A notifier that
dies between the channel's yes and the receipt causes a second message with the same key, never
a lost one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

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

Due = TypeVar("Due", Delivery, Call)


def run_notifier(*, clock: Clock, stop: threading.Event) -> None:
    """Deliver until told to stop."""
    busy: set[Future[None]] = set()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="deliver") as pool:
        while not stop.wait(POLL_SECONDS):
            close_old_connections()
            busy = {one for one in busy if not one.done()}
            try:
                busy |= _begun(pool, clock, AT_ONCE - len(busy))
            except DatabaseError as error:
                log.warning("rows are away", error=str(error).strip())


def _begun(pool: ThreadPoolExecutor, clock: Clock, free: int) -> set[Future[None]]:
    """What is due, as far as hands are free: messages to people first."""
    if not free:
        return set()
    claimed = actions.claim_deliveries(now=clock.now(), at_most=free)
    found = {pool.submit(_in_thread, deliver, delivery, clock) for delivery in claimed}
    if left := free - len(claimed):
        calls = claimed_calls(clock, left)
        found |= {pool.submit(_in_thread, deliver_call, call, clock) for call in calls}
    return found


def _in_thread(send: Callable[[Due, Clock], None], one: Due, clock: Clock) -> None:
    """One of them with a connection that works; what fails here is claimed again later."""
    close_old_connections()
    try:
        send(one, clock)
    except DatabaseError as error:
        log.warning("no receipt written", about=str(one.pk), error=str(error).strip())


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
    else:
        actions.record_accepted(delivery=delivery, receipt=receipt, now=clock.now())
