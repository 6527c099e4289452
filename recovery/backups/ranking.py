"""Which backup replica is restored from: the loss quote and a restore's choice, by one rule. Pure.

One whose last restore test failed comes after all others. Then those that can be read and end no
more than the promise before the freshest, then the rest: the freshest first, of equals one that can
be read, then the nearest. So what nobody could read lately, and may be gone, is counted on only
where it is worth more than the promise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

T = TypeVar("T")
Key = tuple[bool, bool, float, bool, float, int]


@dataclass(frozen=True, slots=True)
class Rated:
    """`at`: the newest moment that may be promised; `far`: kilometres from home, None unknown."""

    at: datetime
    is_disproven: bool
    is_unread: bool
    far: float | None
    number: int


def best(options: Iterable[T], rate: Callable[[T], Rated], promise: timedelta) -> T | None:
    """None of none."""
    rated = [(rate(each), each) for each in options]
    every = [one for one, _ in rated]
    chosen = min(rated, key=lambda pair: _key(pair[0], every, promise), default=None)
    return chosen[1] if chosen else None


def _key(one: Rated, every: Sequence[Rated], promise: timedelta) -> Key:
    freshest = max(other.at for other in every if other.is_disproven is one.is_disproven)
    is_sure = not one.is_unread and freshest - one.at <= promise
    far = float("inf") if one.far is None else one.far
    return one.is_disproven, not is_sure, -one.at.timestamp(), one.is_unread, far, one.number
