"""Of a drill that is over: who has to prove, or to do, what is left of its clean-up. Pure.

Invariant: while anything is not proven to be gone, somebody is named, or it is said that nobody can
ever prove it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recovery.backups.words import counted
from recovery.drp.drills.decide import UNPROVEN_SECONDS


@dataclass(frozen=True, slots=True)
class Left:
    """A thing that nobody has seen gone. `host`: whose word it takes; `waited`: seconds since it
    was told to remove it; `lost`: why nobody will ever see it gone, "" where somebody may."""

    host: str
    why: str
    waited: float
    is_heard: bool
    lost: str = ""


@dataclass(frozen=True, slots=True)
class Owed:
    """`who`: the role that has to do something, "" where nobody does now or can; `says`: what."""

    who: str
    says: str
    reason: str


def owed(left: Sequence[Left]) -> tuple[Owed, ...]:
    """One of each host, in order."""
    hosts = dict.fromkeys(one.host for one in left)
    return tuple(_of(host, [one for one in left if one.host == host]) for host in hosts)


def _of(host: str, left: Sequence[Left]) -> Owed:
    what = f"{counted(len(left), 'thing')} of this drill"
    why = " ".join(dict.fromkeys(one.lost or one.why for one in left if one.lost or one.why))
    if all(one.lost for one in left):
        return Owed("", f"nobody can prove any more that nothing is left on {host} of {what}", why)
    if not any(one.is_heard for one in left):
        said = f"bring {host} back, or retire it if it is lost for good"
        return Owed(
            "approver", said, f"Nobody has seen that {what} left nothing there. {why}".strip()
        )
    if max(one.waited for one in left) >= UNPROVEN_SECONDS:
        said = f"look at {host}: it has not shown that nothing is left of {what}"
        return Owed("responder", said, why)
    return Owed("", f"{host} removes {what}, and shows that nothing is left", why)
