"""The life of a failover's row, and of a vouching. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class FailoverKind(StrEnum):
    """`failover` unplanned, `switchover` planned, `restart` of a crashed server in its place."""

    FAILOVER = "failover"
    SWITCHOVER = "switchover"
    RESTART = "restart"


class Phase(StrEnum):
    """Where it is: each names the step that is being taken. `abandoned`: it ended without
    another primary, and says why."""

    ANALYSE = "analyse"
    FENCE = "fence"
    ELECT = "elect"
    PROMOTE = "promote"
    REPOINT = "repoint"
    REDIRECT = "redirect"
    VERIFY = "verify"
    REBUILD = "rebuild"
    DONE = "done"
    ABANDONED = "abandoned"


NAMED_MOVES: Mapping[tuple[Phase, Phase], str] = {
    (Phase.ANALYSE, Phase.FENCE): "revoke",
    (Phase.ANALYSE, Phase.VERIFY): "restart",
    (Phase.ANALYSE, Phase.ABANDONED): "call_off",
    (Phase.FENCE, Phase.ELECT): "prove",
    (Phase.FENCE, Phase.ABANDONED): "give_back",
    (Phase.ELECT, Phase.PROMOTE): "choose",
    (Phase.ELECT, Phase.FENCE): "disprove",
    (Phase.ELECT, Phase.ABANDONED): "give_back",
    (Phase.PROMOTE, Phase.ELECT): "choose_again",
    (Phase.PROMOTE, Phase.REPOINT): "see_promoted",
    (Phase.PROMOTE, Phase.ABANDONED): "outlive",
    (Phase.REPOINT, Phase.REDIRECT): "see_followed",
    (Phase.REPOINT, Phase.ABANDONED): "outlive",
    (Phase.REDIRECT, Phase.VERIFY): "see_routed",
    (Phase.REDIRECT, Phase.ABANDONED): "outlive",
    (Phase.VERIFY, Phase.REBUILD): "see_written",
    (Phase.VERIFY, Phase.ABANDONED): "fail_to_restart",
    (Phase.REBUILD, Phase.DONE): "be_whole",
    (Phase.REBUILD, Phase.ABANDONED): "lose_the_new_primary",
}
"""Every move by name. From `promote` on there is no way back to the old primary: what may have
been promoted is looked at until it is known (B8). `outlive`: restored rows hold a failover that the
world has left behind (B11); who leads is read from the agents then."""

PHASE_MOVES: Mapping[str, frozenset[str]] = {
    phase: frozenset(str(after) for before, after in NAMED_MOVES if before is phase)
    for phase in Phase
}

ENDED = frozenset({"done", "abandoned"})
UNFINISHED = frozenset(Phase) - ENDED


class VouchState(StrEnum):
    """`asked` by one person, `given` by another, `used` once; or it ran out, or was taken back."""

    ASKED = "asked"
    GIVEN = "given"
    USED = "used"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


VOUCH_MOVES: Mapping[str, frozenset[str]] = {
    VouchState.ASKED: frozenset({"given", "expired", "withdrawn"}),
    VouchState.GIVEN: frozenset({"used", "expired", "withdrawn"}),
    VouchState.USED: frozenset(),
    VouchState.EXPIRED: frozenset(),
    VouchState.WITHDRAWN: frozenset(),
}


def refuse_call_off(phase: Phase, kind: FailoverKind, called_off: str = "") -> str:
    """Why a person cannot call it off any more; "": until somebody is ordered to lead, they can."""
    if called_off:
        return f"{called_off} called it off already; it ends at the next look."
    if phase in ENDED:
        return f"it is over ({phase})."
    if kind is FailoverKind.RESTART:
        return "a server is started again in its place; that ends by itself, one way or the other."
    if phase in (Phase.ANALYSE, Phase.FENCE, Phase.ELECT):
        return ""
    return (
        f"it is in {phase}: another replica was ordered to lead, and what may have been promoted is"
        " never taken back. Wait for its end, then switch over."
    )
