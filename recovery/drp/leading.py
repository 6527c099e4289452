"""Whether users are led to the new place of a service, by what is seen at the edge. Pure.

Invariant: never by what was ordered: an application counts when a request of a user was answered
there lately, a database when its newest primary accepts writes, and, where somebody writes as users
do, when one of those writes was acknowledged since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from recovery.drp.sights import Heard, Outcome
from recovery.traffic.facts import Answer

FRESH = timedelta(seconds=10)
"""An older word of a user who writes all the time says nothing about now."""


@dataclass(frozen=True, slots=True)
class ApplicationLed:
    """`servers`: where the edge leads users; `is_kept`: nothing there answers, and the last good
    ones are kept; `answers`: what users got lately; `rate`: of 1, of the last minute."""

    name: str
    copies: int
    servers: Sequence[str] = ()
    is_kept: bool = False
    answers: Answer = Answer.UNKNOWN
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class DatabaseLed:
    """`host`, `site`: of its primary; `is_open`: its door leads to the newest epoch, since
    `opened`; `seen`, `acked`, `failing`: the newest word of who writes there as users do."""

    name: str
    host: str
    site: str
    is_open: bool
    has_door: bool = True
    opened: datetime | None = None
    seen: datetime | None = None
    acked: datetime | None = None
    failing: str = ""


def led_application(sight: ApplicationLed) -> Outcome:
    """What its users get."""
    if not sight.copies:
        return Outcome(Heard.DONE, f"{sight.name}: no copy of it is wanted, and nobody is led.")
    where = ", ".join(sight.servers)
    if not sight.servers or sight.is_kept:
        return Outcome(Heard.UNDER_WAY, f"{sight.name}: nothing runs that users could be led to.")
    if sight.answers is Answer.YES:
        share = f"{(sight.rate or 0.0) * 100:.0f} % of the last minute's requests"
        return Outcome(Heard.DONE, f"{sight.name}: the edge answers ({share}) by {where}.")
    if sight.answers is Answer.NO:
        return Outcome(Heard.UNDER_WAY, f"{sight.name}: the edge leads to {where}, and no answer.")
    said = f"{sight.name}: the edge leads to {where}; nobody asked there as a user lately."
    return Outcome(Heard.UNDER_WAY, said)


def led_database(sight: DatabaseLed, lost: str, now: datetime) -> Outcome:
    """Where its users write."""
    if not sight.is_open or not sight.host:
        return Outcome(Heard.UNDER_WAY, f"{sight.name}: nobody may be led to it yet.")
    if sight.site == lost:
        said = f"{sight.name}: its users are still led to {sight.host} in {lost}."
        return Outcome(Heard.UNDER_WAY, said)
    if not sight.has_door:
        said = f"{sight.name} has no port at the edge: its primary on {sight.host} accepts writes."
        return Outcome(Heard.DONE, said)
    if sight.seen is None or now - sight.seen > FRESH:
        said = f"{sight.name}: its door leads to {sight.host}, which accepts writes; nobody writes"
        return Outcome(Heard.DONE, f"{said} there as users do.")
    is_since = sight.acked is not None and (sight.opened is None or sight.acked > sight.opened)
    if not sight.failing and is_since:
        said = f"{sight.name}: a user's write was acknowledged through its door to {sight.host}."
        return Outcome(Heard.DONE, said)
    said = f"{sight.name}: its door leads to {sight.host}, and no write was acknowledged"
    return Outcome(Heard.UNDER_WAY, f"{said}{f': {sight.failing}' if sight.failing else ' yet'}.")
