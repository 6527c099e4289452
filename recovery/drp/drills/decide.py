"""Where a thing of a drill goes, and when it is proven to be gone. Pure.

Invariants: a drill has its own hosts or none, and never falls back to another one (I-DR-4); a thing
is gone only by the word of its own host, which looked after it had been told to have it no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from recovery.backups.words import joined
from recovery.core.wire.backups import RestoreResult
from recovery.drp.drills.facts import HEARD_SECONDS, MOST_THINGS, HostSight, Looked, Stamp

FIRST_PORT, PORTS = 21000, 1000
UNPROVEN_SECONDS = 30.0
"""After which a clean-up that nobody has seen rings."""
MOST_SAID = 500
"""Characters of a host's words that are kept."""
_LATEST = 4_102_444_800_000
"""2100, in milliseconds: every page can show it."""
_RANGES: Mapping[str, float] = {
    "moment": _LATEST,
    "canary": _LATEST,
    "size": 2**53,
    "seconds": 1e9,
    "speed": 1e15,
}


@dataclass(frozen=True, slots=True)
class Seat:
    """`host`: its key."""

    host: str
    name: str
    port: int


def seat(hosts: Sequence[HostSight], memory: int) -> Seat | str:
    """The emptiest host that is heard and has room, or why there is none."""
    if not hosts:
        return (
            "There is no host for drills: nothing was begun, and production is never used for it."
        )
    heard = [one for one in hosts if one.is_heard]
    if not heard:
        names = ", ".join(sorted(one.name for one in hosts))
        return f"No drill host is heard ({names}, within {HEARD_SECONDS:.0f} s): nothing was begun."
    fits = [one for one in heard if one.free >= memory and one.things < MOST_THINGS]
    if not fits:
        most = max(one.free for one in heard)
        return (
            f"The drill hosts are full: {memory} MiB are needed, at most {most} MiB are free on one"
            " of them. Nothing was begun."
        )
    chosen = min(fits, key=lambda one: (-one.free, one.name))
    free = (port for port in range(FIRST_PORT, FIRST_PORT + PORTS) if port not in chosen.ports)
    return Seat(chosen.key, chosen.name, next(free))


def unbelievable(result: RestoreResult) -> str:
    """Why nothing of these figures is kept: they are a host's, and every page reads them. Empty
    where they can be true."""
    for name, most in _RANGES.items():
        if not 0 <= getattr(result, name) <= most:
            return f"Its host told figures that cannot be: {name} {getattr(result, name)!r:.40}."
    return ""


def unproven(name: str, removed: tuple[Stamp, datetime], looked: Looked | None) -> str:
    """Why nobody knows that this thing is gone; empty where its host has seen that it is.
    `removed`: the list that has it no more, and when that was written."""
    stamp, since = removed
    if looked is None:
        return "Its host has never reported."
    if looked.at <= since or looked.stamp < stamp:
        return "Its host has not reported since it was told to remove it."
    if name in looked.left:
        return f"Its host still has of it: {joined(tuple(looked.left[name]))}."
    return looked.trouble
