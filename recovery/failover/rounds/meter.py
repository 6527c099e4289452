"""Whether somebody still measures what databases' users get, and who is rung when nobody does.

Invariant: where everybody was asked all the time and nobody is any more, nothing is known, and
people are told; a fleet whose databases no user ever wrote to has no meter to be silent.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Max

from recovery.alarms import actions as alarms
from recovery.alarms.facts import Severity
from recovery.audit.facts import Actor
from recovery.core.moments import instant
from recovery.inventory.models import WriteProbe

SILENT = "meter-silent"
STALE = timedelta(seconds=10)
"""A word is older than this: it says nothing of now."""
RINGS_AFTER = timedelta(seconds=30)
STARTS_WITHIN = timedelta(seconds=60)
"""Of who looks, too: after a start of everything the writers may be the last to come."""
ACTOR = Actor("worker", "meter")


def watch_meter(*, now: datetime, looked_for: timedelta) -> None:
    """Ring while no word of a writing user comes; end it when one does. `looked_for`: how long
    whoever looks has been up."""
    last = WriteProbe.objects.aggregate(last=Max("at"))["last"]
    is_silent = last is not None and now - last > RINGS_AFTER
    if is_silent and last is not None and looked_for > STARTS_WITHIN:
        alarms.raise_alarm(
            key=SILENT,
            severity=Severity.PAGE,
            title="Nobody measures whether databases serve",
            body=f"Their users were last asked at {instant(last, now)}. What is down since then is"
            " seen by its hosts' words alone, and no second since then is counted. Look whether"
            " the writers run: make status.",
            incident=None,
            actor=ACTOR,
            reason=f"No word of a writing user since {instant(last, now)}.",
            now=now,
        )
    elif last is not None and now - last <= STALE:
        why = "The users of databases are asked again."
        alarms.end_alarms(keys=[SILENT], actor=ACTOR, reason=why, now=now)
