"""Webhooks of recovery plans: claimed, sent once, and what the receiver said."""

from __future__ import annotations

import structlog
from django.db import DatabaseError

from recovery import wiring
from recovery.audit.facts import Actor
from recovery.core.clock import Clock
from recovery.core.errors import Conflict, TocsinError
from recovery.drp.actions.calls import claim_calls, end_call
from recovery.drp.journal import Call
from recovery.drp.queries.calls import letter_of

log = structlog.get_logger()
BY = Actor("worker", "notifier")


def claimed_calls(clock: Clock, at_most: int) -> list[Call]:
    """For this notifier."""
    return claim_calls(actor=BY, now=clock.now(), at_most=at_most)


def deliver_call(call: Call, clock: Clock) -> None:
    """One webhook to its receiver. What is not taken, for whatever reason, is failed with it:
    whether it is tried again is the plan's to say."""
    try:
        letter = letter_of(call)
        receiver = wiring.receiver_at(letter.url, letter.secret)
        at = int(clock.now().timestamp())
        said, was_taken = receiver.post(id=str(call.pk), at=at, body=letter.body), True
    except TocsinError as refusal:
        said, was_taken = str(refusal), False
        log.warning("webhook not taken", call=str(call), reason=said)
    except DatabaseError:
        raise
    except Exception as error:  # what raises once raises again: it is not tried for ever
        said, was_taken = f"{type(error).__name__}: {error}", False
        log.exception("webhook met an error", call=str(call))
    try:
        end_call(call=call, was_taken=was_taken, said=said, actor=BY, now=clock.now())
    except Conflict as error:
        log.info("somebody else delivered it", call=str(call), reason=str(error))
