"""Why a run that has ended has no report yet: since when, what holds it up, what to do. Pure.

Invariant: for as long as it may take nobody is sent anywhere; after that somebody is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

SEAL_PATIENCE = timedelta(seconds=60)
"""I-AU-3: by then every entry is under a checkpoint; a report waits no longer for one."""
PROOF_PATIENCE = timedelta(minutes=2)
"""A drill's clean-up is proven in seconds. A report that says that it is not is followed by one
that says that it is."""
TRIED_EVERY = timedelta(seconds=20)
"""At most so long after it is due the worker, which looks every 10 s, has tried it."""


@dataclass(frozen=True, slots=True)
class Late:
    """Of a run that has ended. `waited`: since then; `is_sealed`: the sealed log covers its end;
    `is_proven`: it is no drill, or all that it began was seen gone; `trouble`: why it could not be
    written when that was tried last, "" where it was not, or nobody tried."""

    waited: timedelta
    is_sealed: bool
    is_proven: bool
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Awaited:
    """`why`: what it waits for, or what holds it up; `todo`: what somebody does about it, "" while
    it is in time."""

    why: str
    todo: str = ""

    @property
    def is_late(self) -> bool:
        return bool(self.todo)


def holds_back(late: Late) -> bool:
    """Whether it is not written yet because it would say less than in a moment."""
    if not late.is_sealed and late.waited < SEAL_PATIENCE:
        return True
    return not late.is_proven and late.waited < PROOF_PATIENCE


def awaited(late: Late) -> Awaited:
    """For whoever opens its page."""
    if late.trouble:
        return Awaited(
            f"It could not be written: {late.trouble}",
            "It is tried again all the time. Mend what is said here; then it comes by itself.",
        )
    if not late.is_sealed and late.waited < SEAL_PATIENCE:
        return Awaited("It is signed once the sealed log covers the run’s end, within a minute.")
    if holds_back(late):
        return Awaited(
            "It is signed once the drill’s hosts have seen that nothing is left, or two minutes"
            " after the drill’s end."
        )
    due = SEAL_PATIENCE if late.is_proven else PROOF_PATIENCE
    if late.waited < due + TRIED_EVERY:
        return Awaited("It is due now: the worker writes it within seconds.")
    sealer = (
        "" if late.is_sealed else " The sealed log does not cover the run’s end either: the sealer."
    )
    return Awaited(
        f"Nobody has tried to write it: the worker does, called by beat.{sealer}",
        "Look at Tocsin’s processes; once they run it comes by itself.",
    )
