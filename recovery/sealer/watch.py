"""Whether the log is sealed in time (I-AU-3), and who is rung when it is not.

The sealer asks this of itself, and so does a worker, so that a sealer that is gone rings too.
"""

from __future__ import annotations

from datetime import datetime

from recovery.alarms import actions as alarms
from recovery.alarms.facts import Severity
from recovery.audit import queries
from recovery.audit.facts import Actor
from recovery.audit.queries import Waiting

LATE = "audit-late"
ALTERED = "audit-altered"
RINGS_AFTER, ENDS_BELOW = 30.0, 20.0
"""Seconds that an entry may be under no checkpoint: the promise is 60, so this rings before."""
ACTOR = Actor("worker", "sealer")


def watch_sealing(*, now: datetime) -> Waiting:
    """Ring while entries wait too long; end it when they no longer do."""
    waits = queries.waiting()
    if waits.seconds > RINGS_AFTER:
        alarms.raise_alarm(
            key=LATE,
            severity=Severity.PAGE,
            title="The audit log is not being sealed",
            body=why_late(waits),
            incident=None,
            actor=ACTOR,
            reason=f"An entry has waited {waits.seconds:.0f} s for a checkpoint.",
            now=now,
        )
    elif waits.seconds < ENDS_BELOW:
        alarms.end_alarms(
            keys=[LATE], actor=ACTOR, reason="Entries are under checkpoints in time.", now=now
        )
    return waits


def why_late(waits: Waiting) -> str:
    """What an operator does first."""
    said = (
        f"{waits.unsigned} entries are under no signed checkpoint; the oldest is "
        f"{waits.seconds:.0f} s old, promised are 60. They are written and kept."
    )
    if waits.blocker >= min(RINGS_AFTER, waits.seconds):
        return (
            f"{said} A transaction has been open for {waits.blocker:.0f} s: the sealer has to "
            "wait for it. End it, or wait."
        )
    return f"{said} Look whether the sealer runs: make status."


def end_altered(*, reason: str, now: datetime) -> None:
    """What is there is what was signed, again."""
    alarms.end_alarms(keys=[ALTERED], actor=ACTOR, reason=reason, now=now)


def ring_altered(*, said: str, now: datetime) -> None:
    """The sealed past was changed: people, at once."""
    alarms.raise_alarm(
        key=ALTERED,
        severity=Severity.PAGE,
        title="The sealed audit log was altered",
        body=said,
        incident=None,
        actor=ACTOR,
        reason="What is in the database is not what was signed.",
        now=now,
    )
