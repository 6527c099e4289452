"""What comes back within minutes is the same incident, and whoever took it need not be rung for
each swing. Pure.

Invariants: what nobody took rings each time that it is back. What somebody took stays with them
only as long as it is no more than they took, for `Policy.most_quiet` at a time and
`Policy.taken_for` in all; then it rings as if nobody had it. What leaves a database without a
primary or without who could take over, or an application without a copy, is never quiet: roles and
numbers change between two losses of the same host. No second of any happening is lost:
each has its lines in the story, from which `spells` reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

OPENED, RETURNED, RESOLVED, JOINED = "opened", "returned", "resolved", "joined"
REOPENED = "reopened"
"""Of a happening that was whole, and was not over yet."""
BOUNDS = frozenset({OPENED, RETURNED, RESOLVED, JOINED})
"""Lines of a story at which a happening begins or ends."""
DECIDED_BY_PEOPLE = ("datacenter:", "region:")
"""Failure domains whose loss is one decision of people, or one run of a plan: lost again it is
another one."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The windows; each says where its figure comes from."""

    window: timedelta = timedelta(minutes=10)
    """As long as alarms are counted for a storm (interface rule 5): twenty blindnesses of 13 to
    85 s in twenty minutes, which were 60 incidents, had no rest longer than this."""
    taken_for: timedelta = timedelta(minutes=30)
    """An acknowledgement ends by itself (interface rule 6): who took it half an hour ago may have
    gone."""
    least_quiet: timedelta = timedelta(seconds=15)
    """A swing that is a little longer than the one before is no news (I-AL-1 wants 5 s for what is
    new, which rings at once)."""
    most_quiet: timedelta = timedelta(minutes=1)
    """No return is quiet for longer, however long it lasted before."""


POLICY = Policy()
ENDINGS = {1: "st", 2: "nd", 3: "rd"}


@dataclass(frozen=True, slots=True)
class Over:
    """The newest incident of a failure domain, which is over. `is_part`: of a wider one;
    `by_person`: somebody closed it with a reason, and no observation."""

    resolved_at: datetime
    is_part: bool = False
    by_person: bool = False


def refuse_same(domain: str, over: Over, now: datetime, policy: Policy = POLICY) -> str:
    """Why what happens now in its domain is another incident; empty where it is the same again."""
    if domain.startswith(DECIDED_BY_PEOPLE):
        return "People decide about each loss of it."
    if over.is_part:
        return "It became a part of a wider one."
    if over.by_person:
        return "A person closed it."
    if now - over.resolved_at > policy.window:
        return "It was over for long."
    return ""


def refuse_quiet(
    taken_at: datetime | None,
    new: Iterable[str],
    now: datetime,
    policy: Policy = POLICY,
    *,
    grave: Sequence[str] = (),
) -> str:
    """Why somebody has to take it anew; empty where whoever took it has it still. `new`: what it
    hurts by now and did not before; `grave`: what is never quiet, whoever took it (H6)."""
    if taken_at is None:
        return "Nobody has it."
    if grave:
        return f"Such a loss always rings: {'; '.join(grave[:3])}."
    if more := sorted(new):
        named = f"{', '.join(more[:3])}{' and more' if len(more) > 3 else ''}"
        return f"It is more than what was taken: {named}."
    if now - taken_at > policy.taken_for:
        return f"It was taken {_minutes(now - taken_at)} min ago."
    return ""


def is_carried(taken_at: datetime | None, back_at: datetime) -> bool:
    """Whether who has it took it before it was back, and has not said a word since."""
    return taken_at is not None and taken_at < back_at


def quiet_for(longest: timedelta, policy: Policy = POLICY) -> timedelta:
    """How long a return may last unheard, where its longest happening before lasted so long."""
    return min(policy.most_quiet, max(policy.least_quiet, longest))


@dataclass(frozen=True, slots=True)
class Bound:
    """A line of a story that begins or ends a happening."""

    kind: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Spell:
    """One happening of an incident, from what happened to when it was over; None: it lasts."""

    began_at: datetime
    ended_at: datetime | None


def spells(bounds: Iterable[Bound]) -> tuple[Spell, ...]:
    """Each happening once, the oldest first. `bounds`: in the order in which they were written."""
    found: list[Spell] = []
    for bound in bounds:
        lasts = bool(found) and found[-1].ended_at is None
        if bound.kind in {OPENED, RETURNED} and not lasts:
            found.append(Spell(bound.at, None))
        elif bound.kind in {RESOLVED, JOINED} and lasts:
            found[-1] = Spell(found[-1].began_at, max(bound.at, found[-1].began_at))
    return tuple(found)


def say_times(times: int, first: datetime, last: datetime) -> str:
    """4th time in 12 min; empty where it is the first."""
    if times < 2:
        return ""
    return f"{_ordinal(times)} time in {_minutes(last - first)} min"


def _minutes(span: timedelta) -> int:
    return max(1, round(span.total_seconds() / 60))


def _ordinal(number: int) -> str:
    if number % 100 in {11, 12, 13}:
        return f"{number}th"
    return f"{number}{ENDINGS.get(number % 10, 'th')}"
