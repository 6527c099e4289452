"""What the decisions about a database server look at. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from recovery.core.ports import ServerFacts
from recovery.core.wire import DatabaseSpec, ReplicaRole


class Deed(StrEnum):
    """What may be done to a server without an order."""

    MAKE = "make"
    CLONE = "clone"
    START = "start"
    STOP = "stop"
    REJOIN = "rejoin"
    REPOINT = "repoint"
    CONFIGURE = "configure"
    ADOPT = "adopt"
    """What a restore staged becomes its data; what was there is kept."""
    RETURN = "return"
    """What a restore that was given up took the place of becomes its data again."""
    MEASURE = "measure"
    """What only it has, for the report of one that may not run."""


@dataclass(frozen=True, slots=True)
class Act:
    """One deed with its reason for log and report."""

    deed: Deed
    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is done, and why."""

    reason: str


AS_WANTED = Wait("")
"""It runs as its list says: nothing is left to do."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Of which restore the data in place are; empty: of none that its list asks for or gave up.
    `is_given_up`: they may not serve, or none are in place and what was replaced is kept;
    `may_return`: that can be put in its place again."""

    adopted: str = ""
    is_given_up: bool = False
    may_return: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything one round decides on.

    `role`, `led`: what the data are, and since which epoch (the record's). `is_fresh`: a control
    plane confirmed the list in this life of the agent. `ended`: how a server that was started in
    this boot ended, by itself or by its watchdog. `seen`: what the server says, None: it does not
    answer. `fenced`: the epoch at which its gate was closed for good. `unstreaming`: seconds for
    which a standby has received nothing. `configured`: the spec that the server runs with.
    `is_adopted`: its data are of the restore that its list asks for, or it asks for none;
    `is_staged`: those of that restore lie here, proven. `is_given_up`: they are of a restore that
    its list gave up, or half replaced by it; `may_return`: what was there before is here.
    `is_overtaken`: a standby's data, set apart before another epoch began (the record's).
    """

    spec: DatabaseSpec
    role: ReplicaRole
    led: int
    is_made: bool
    is_running: bool
    is_fresh: bool
    quarantined: bool
    ended: str = ""
    seen: ServerFacts | None = None
    fenced: int = 0
    configured: DatabaseSpec | None = None
    is_measured: bool = False
    is_ordered: bool = False
    is_adopted: bool = True
    is_staged: bool = False
    is_given_up: bool = False
    may_return: bool = False
    is_overtaken: bool = False


def admits_by_address(spec: DatabaseSpec) -> bool:
    """Whether its server lets nobody but members' servers and agents in from members' addresses, so
    that these may pass a closed gate. Valkey and Redis know no addresses: from a standby's host any
    client would write past it (safety.md B4)."""
    return spec.engine == "postgresql"


def is_bound(spec: DatabaseSpec) -> bool:
    """Whether a primary of it may run only behind a gate. Whose lease was revoked is listed as
    "out"; a primary without terms is one that nobody could take over from (I-DB-7)."""
    return spec.lease is not None


def rivals(spec: DatabaseSpec) -> tuple[str, ...]:
    """Who else may be promoted: all of them must promise (B6)."""
    return tuple(
        member.replica
        for member in spec.members
        if member.replica != spec.replica and member.may_be_promoted and member.role != "out"
    )
