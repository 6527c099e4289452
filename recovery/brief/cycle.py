"""One look at the decisions to wait: whose time is over rings. The leader's."""

from __future__ import annotations

from datetime import datetime

from recovery.alarms.facts import AlarmState
from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.brief import actions, queries
from recovery.brief.actions import REVIEW
from recovery.core import control


def watch_reviews(*, actor: Actor, now: datetime) -> int:
    """Ring for those that are due while their datacenter is lost, once each; end what is settled.
    How many rang."""
    waits = queries.standing_waits()
    known = dict(Alarm.objects.filter(key__startswith=f"{REVIEW}:").values_list("key", "state"))
    if not waits and not known:
        return 0
    lost = queries.looks_lost([row.datacenter_id for row in waits])
    standing = {f"{REVIEW}:{row.pk}" for row in waits if row.datacenter_id in lost}
    due = [
        row
        for row in waits
        if row.datacenter_id in lost
        and row.until is not None
        and row.until <= now
        and f"{REVIEW}:{row.pk}" not in known
    ]
    over = sorted(
        key for key, state in known.items() if state != AlarmState.ENDED and key not in standing
    )
    if not due and not over:
        return 0
    with control.deciding(actor.epoch):
        for row in due:
            actions.ring_review(decision=row, actor=actor, now=now)
        if over:
            actions.end_reviews(keys=over, actor=actor, now=now)
    return len(due)
