"""When a flood of alarms becomes one: pure.

More than ten in ten minutes are one storm alarm (interface rule 5): the page shows them all, but
a phone that rings forty times is put away.
"""

from __future__ import annotations

from datetime import timedelta

STORM = "storm"
STORM_ALARMS = 10
STORM_WINDOW = timedelta(minutes=10)


def is_storm(raised: int) -> bool:
    """Whether `raised` alarms within `STORM_WINDOW` are too many to send one by one."""
    return raised > STORM_ALARMS
