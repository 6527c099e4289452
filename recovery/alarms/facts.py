"""Alarms and their deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class AlarmState(StrEnum):
    """`raised` rings; `acknowledged` is taken by a person; `ended` by observed facts."""

    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"
    ENDED = "ended"


MOVES: Mapping[str, frozenset[str]] = {
    AlarmState.RAISED: frozenset({"acknowledged", "ended"}),
    AlarmState.ACKNOWLEDGED: frozenset({"ended"}),
    AlarmState.ENDED: frozenset(),
}


class Audience(StrEnum):
    """Whom a channel reaches. Alarms go to the team; the others get what a recovery plan tells
    them, and nothing else."""

    TEAM = "team"
    MANAGEMENT = "management"
    CUSTOMERS = "customers"
    AUTHORITIES = "authorities"


class Severity(StrEnum):
    """`page` rings people; `notice` is shown and mailed."""

    PAGE = "page"
    NOTICE = "notice"


class DeliveryState(StrEnum):
    """One message to one channel. `taken` is claimed by a notifier, `accepted` by the channel."""

    WAITING = "waiting"
    TAKEN = "taken"
    ACCEPTED = "accepted"
    GIVEN_UP = "given-up"
