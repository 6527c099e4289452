"""When a flood of alarms becomes one: pure.

More than ten in ten minutes are one storm alarm (interface rule 5): the page shows them all, but
a phone that rings forty times is put away. What the storm swallows is still told, in its own
messages: the first at once, then at most one each `DIGEST_EVERY`. A storm that says nothing of
the next lost host would be a silent hold.

And when one that is back within minutes stays quiet: only with whoever took it, only as long as it
is what they took (`recovery.incidents.flapping`), and for a minute at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from recovery.alarms.facts import Severity
from recovery.incidents.flapping import POLICY, Policy, quiet_for, refuse_quiet

STORM = "storm"
STORM_ALARMS = 10
STORM_WINDOW = timedelta(minutes=10)


def is_storm(raised: int) -> bool:
    """Whether `raised` alarms within `STORM_WINDOW` are too many to send one by one."""
    return raised > STORM_ALARMS


DIGEST_EVERY = timedelta(seconds=30)


def digest_at(last: datetime | None, now: datetime) -> datetime:
    """When the storm's next message may leave; `last`: when the one before was due."""
    return now if last is None else max(now, last + DIGEST_EVERY)


def is_graver(severity: str, *, than: str) -> bool:
    """Whether people are woken for the one, and were not for the other."""
    return severity == Severity.PAGE and than != Severity.PAGE


@dataclass(frozen=True, slots=True)
class Before:
    """The newest alarm that ended, of the same key and the same incident. `longest`: how long such
    ones lasted at most; `is_taken`: somebody had it."""

    severity: Severity
    raised_at: datetime
    ended_at: datetime
    is_taken: bool
    longest: timedelta


def rings(
    before: Before | None,
    taken_at: datetime | None,
    severity: Severity,
    *,
    is_more: bool,
    now: datetime,
    policy: Policy = POLICY,
) -> bool:
    """Whether an alarm that is raised now rings people. `taken_at`: when its incident was
    acknowledged by who has it; `is_more`: it hurts what the incident never hurt, or what is never
    quiet."""
    if before is None or is_more or refuse_quiet(taken_at, (), now, policy):
        return True
    assert taken_at is not None, "nobody's would ring"
    if is_graver(severity, than=before.severity):
        return True
    was_known = before.is_taken or before.raised_at <= taken_at
    return not was_known or now - before.ended_at > policy.window


def refuse_silence(
    raised_at: datetime,
    taken_at: datetime | None,
    longest: timedelta,
    now: datetime,
    policy: Policy = POLICY,
    *,
    grave: Sequence[str] = (),
) -> str:
    """Why an alarm that came back quietly rings now; empty where it may go on so. `grave`: what of
    its incident is never quiet."""
    if why := refuse_quiet(taken_at, (), now, policy, grave=grave):
        return why
    most = quiet_for(longest, policy)
    return f"It has lasted for {most.total_seconds():.0f} s." if now - raised_at >= most else ""
