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


PHASE_MOVES: Mapping[str, frozenset[str]] = {
    Phase.ANALYSE: frozenset({"fence", "rebuild", "done", "abandoned"}),
    Phase.FENCE: frozenset({"elect", "abandoned"}),
    Phase.ELECT: frozenset({"promote", "abandoned"}),
    Phase.PROMOTE: frozenset({"repoint", "elect", "abandoned"}),
    Phase.REPOINT: frozenset({"redirect"}),
    Phase.REDIRECT: frozenset({"verify"}),
    Phase.VERIFY: frozenset({"rebuild"}),
    Phase.REBUILD: frozenset({"done", "abandoned"}),
    Phase.DONE: frozenset(),
    Phase.ABANDONED: frozenset(),
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
