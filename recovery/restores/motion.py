"""How a restore goes on, word after word of its agent. Pure.

Invariants: only more bytes, or a step beyond the furthest one so far, are motion; whatever begins
from anew is a try of its own, and never motion, whoever began it: an order, or an agent that died.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

STEPS: Mapping[str, int] = {
    "planning": 1,
    "fetching the base": 2,
    "fetching the snapshot": 2,
    "fetching the log": 3,
    "loading it": 3,
    "replaying the log": 4,
    "writing its log": 4,
    "asking it": 5,
    "reading every page": 6,
    "putting in place": 7,
    "done": 8,
    "proven": 9,
}
"""In the order in which agents take them; one of another version may say others, which tell
nothing."""
MOVES_WITHIN = timedelta(seconds=30)
"""A server that begins, or ends, reads no byte for so long."""
TIMED_WITHIN = timedelta(seconds=10)
"""After so long without a byte nobody knows how long the rest takes."""
MOST_STILL_MS = 30 * 86_400_000


@dataclass(frozen=True, slots=True)
class Word:
    """What an agent said at `at`. `still_ms`: since a byte came, -1: it does not say; `orders`: how
    many to restore it there were by then."""

    at: datetime
    phase: str
    done: int
    still_ms: int = -1
    orders: int = 1


@dataclass(frozen=True, slots=True)
class Course:
    """Where all words led to. `moved_at`: when it went on last; `furthest`: its furthest step so
    far; `asked`: the orders that the newest word knew of; `begun`: how often its agent began from
    anew under an order that it had begun already, at `broke_at` last; `began_at`: when the newest
    try was first heard."""

    phase: str
    done: int
    moved_at: datetime
    began_at: datetime
    furthest: int = 0
    asked: int = 1
    begun: int = 0
    broke_at: datetime | None = None

    def moves(self, at: datetime) -> bool:
        """Whether the newest try went on just before `at`."""
        return self.moved_at >= self.began_at and at - self.moved_at <= MOVES_WITHIN


def first(word: Word) -> Course:
    step = STEPS.get(word.phase, 0)
    return Course(word.phase, word.done, word.at, word.at, step, word.orders)


def after(course: Course, word: Word) -> Course:
    """By the next word."""
    step, is_asked = STEPS.get(word.phase, 0), word.orders > course.asked
    is_anew = word.done < course.done or 0 < step < STEPS.get(course.phase, 0)
    is_broken = is_anew and not is_asked
    return Course(
        word.phase,
        word.done,
        moved_at=course.moved_at if is_anew else _moved(course, word, step),
        began_at=word.at if is_anew or is_asked else course.began_at,
        furthest=max(course.furthest, step),
        asked=word.orders,
        begun=course.begun + is_broken,
        broke_at=word.at if is_broken else course.broke_at,
    )


def _moved(course: Course, word: Word, step: int) -> datetime:
    """On our own clock, whatever an agent claims. Before the first byte it counts from the one that
    it asked for."""
    if word.done > course.done or step > course.furthest:
        return word.at
    if word.still_ms < 0 or not word.done:
        return course.moved_at
    still = timedelta(milliseconds=min(word.still_ms, MOST_STILL_MS))
    return max(course.moved_at, word.at - still)
