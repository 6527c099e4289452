"""When a flood of alarms becomes one: pure.

More than ten in ten minutes are one storm alarm (interface rule 5): the page shows them all, but
a phone that rings forty times is put away. What the storm swallows is still told, in its own
messages: the first at once, then at most one each `DIGEST_EVERY`. A storm that says nothing of
the next lost host would be a silent hold.
"""

from __future__ import annotations

from datetime import datetime, timedelta

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
