"""Webhooks that are due: asked for by a run, claimed by whoever delivers, and how they ended."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.drp.journal import Call, CallState
from recovery.drp.models import Act

CLAIM = timedelta(seconds=60)
"""Whoever claimed one and said nothing for so long is dead; it is sent again, under the same id."""


def ask_call(*, act: Act, actor: Actor, reason: str, now: datetime) -> Call:
    """The one of this act. In the caller's transaction."""
    there = Call.objects.filter(key=act.key).first()
    if there is not None:
        return there
    return transitions.create(
        [Call(key=act.key, asked_at=now)], actor=actor, reason=reason, now=now
    )[0]


def claim_calls(*, actor: Actor, now: datetime, at_most: int) -> list[Call]:
    """Those that are due, for this deliverer alone."""
    is_free = Q(state=CallState.WAITING) | Q(state=CallState.SENDING, claimed_at__lt=now - CLAIM)
    with transaction.atomic():
        due = Call.objects.select_for_update(skip_locked=True).filter(is_free)
        found = list(due.order_by("asked_at")[:at_most])
        for call in found:
            if call.state == CallState.WAITING:
                _move(call, CallState.SENDING, "It is being sent.", actor, now, claimed_at=now)
            else:
                said = "Whoever sent it is gone: it is sent again."
                changes = {"claimed_at": now}
                transitions.amend(
                    call, changes, action="claimed", actor=actor, reason=said, now=now
                )
    return found


def end_call(*, call: Call, was_taken: bool, said: str, actor: Actor, now: datetime) -> Call:
    """`Conflict` where another deliverer was first."""
    to = CallState.DELIVERED if was_taken else CallState.FAILED
    return _move(call, to, said, actor, now, ended_at=now, said=said[:2000])


def _move(
    call: Call, to: CallState, reason: str, actor: Actor, now: datetime, **changes: object
) -> Call:
    return transitions.move(call, to, actor=actor, reason=reason, now=now, changes=changes)
