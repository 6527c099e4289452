"""When a flood of alarms becomes one: pure.

More than ten in ten minutes are one storm alarm (interface rule 5): the page shows them all, but
a phone that rings forty times is put away. What the storm swallows is still told, in its own
messages: the first at once, then at most one each `DIGEST_EVERY`. A storm that says nothing of
the next lost host would be a silent hold.

And when an alarm that comes and goes is one: what comes again within `SAME_WITHIN` is the same
alarm, so that twenty of it are no storm. It stays with the person who took it while it only flaps
(`FLAP`); after a longer rest it rings them again. The last word that anybody was sent is true:
"Over" leaves `OVER_AFTER` later, and not at all where the alarm is back by then.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

STORM = "storm"
STORM_ALARMS = 10
STORM_WINDOW = timedelta(minutes=10)


SAME_WITHIN = timedelta(minutes=10)
FLAP = timedelta(minutes=2)
OVER_AFTER = timedelta(seconds=30)


class Again(StrEnum):
    """How an alarm is back: another one · the same, ringing · the same, with who has it."""

    ANOTHER = "another"
    RINGS = "rings"
    TAKEN = "taken"


def again(ended: datetime | None, *, is_taken: bool, now: datetime) -> Again:
    """`ended`: when the one before it ended, if there was one about the same incident."""
    if ended is None or now - ended > SAME_WITHIN:
        return Again.ANOTHER
    return Again.TAKEN if is_taken and now - ended <= FLAP else Again.RINGS


def is_storm(raised: int) -> bool:
    """Whether `raised` alarms within `STORM_WINDOW` are too many to send one by one."""
    return raised > STORM_ALARMS


DIGEST_EVERY = timedelta(seconds=30)


def digest_at(last: datetime | None, now: datetime) -> datetime:
    """When the storm's next message may leave; `last`: when the one before was due."""
    return now if last is None else max(now, last + DIGEST_EVERY)
