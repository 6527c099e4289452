"""Claim, send, record. Any number of notifiers run; a row is claimed by one at a time.

Invariant (I-AL-1): a committed delivery is tried until a channel accepts it. A notifier that
dies between the channel's yes and the receipt causes a second message with the same key, never
a lost one.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import structlog
from django.db import DatabaseError, close_old_connections

from recovery import wiring
from recovery.alarms import actions
from recovery.alarms.models import Delivery
from recovery.core.clock import Clock
from recovery.core.ports import NotAccepted
from recovery.core.vault import VaultClosed

log = structlog.get_logger()
POLL_SECONDS = 0.5
AT_ONCE = 8
"""A channel that hangs must not keep the others waiting."""


def run_notifier(*, clock: Clock, stop: threading.Event) -> None:
    """Deliver until told to stop."""
    busy: set[Future[None]] = set()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="deliver") as pool:
        while not stop.wait(POLL_SECONDS):
            close_old_connections()
            busy = {one for one in busy if not one.done()}
            free = AT_ONCE - len(busy)
            try:
                claimed = actions.claim_deliveries(now=clock.now(), at_most=free) if free else []
                busy |= {pool.submit(_in_thread, delivery, clock) for delivery in claimed}
            except DatabaseError as error:
                log.warning("rows are away", error=str(error).strip())


def _in_thread(delivery: Delivery, clock: Clock) -> None:
    """One delivery with a connection that works; what fails here is claimed again later."""
    close_old_connections()
    try:
        deliver(delivery, clock)
    except DatabaseError as error:
        log.warning("no receipt written", delivery=delivery.pk, error=str(error).strip())


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
