"""What a round reads, it reads once.

Invariant: what is about to begin is compared with what was read in its own transaction (`anew`);
after anything was written, the next look reads again (`look_again`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar, cast

_SEEN: ContextVar[dict[Hashable, object] | None] = ContextVar("drp looks", default=None)
"""What a round has read, while it lasts."""

T = TypeVar("T")


@contextmanager
def one_look(*, anew: bool = False) -> Iterator[None]:
    """Everything is read once inside; with `anew` apart from what was read outside."""
    seen = _SEEN.get()
    token = _SEEN.set({} if anew or seen is None else seen)
    try:
        yield
    finally:
        _SEEN.reset(token)


def once(key: Hashable, read: Callable[[], T]) -> T:
    """As it was read in this look; outside of any, as it is now."""
    seen = _SEEN.get()
    if seen is None:
        return read()
    if key not in seen:
        seen[key] = read()
    return cast("T", seen[key])


def look_again() -> None:
    """What was read so far is old."""
    seen = _SEEN.get()
    if seen is not None:
        seen.clear()
