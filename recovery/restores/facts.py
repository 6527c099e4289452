"""What decides over a restore, as frozen values. Standard library and neighbours' facts only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from recovery.backups.facts import LoanState, Site
from recovery.inventory.facts import DatabaseState, Plan, Verdict
from recovery.operations.facts import OperationState
from recovery.restores.lost import LeaseSight, Member, Standing


class Phase(StrEnum):
    """Where a restore is: each names the step that is being taken.

    `asked`: waits for a second person's word · `choose`: is the replica still what they agreed to ·
    `place`: may the host still take it · `restore`: its agent fetches and proves it beside its
    place · `verify`: what was proven is held against what was quoted · `switch`: the rows name the
    new host at a higher epoch, its agent adopts the data · `route`: users are led there ·
    `abandoned`, `expired`: it ended without serving, and says why."""

    ASKED = "asked"
    CHOOSE = "choose"
    PLACE = "place"
    RESTORE = "restore"
    VERIFY = "verify"
    SWITCH = "switch"
    ROUTE = "route"
    DONE = "done"
    ABANDONED = "abandoned"
    EXPIRED = "expired"


NAMED_MOVES: Mapping[tuple[Phase, Phase], str] = {
    (Phase.ASKED, Phase.CHOOSE): "give_word",
    (Phase.ASKED, Phase.EXPIRED): "run_out",
    (Phase.ASKED, Phase.ABANDONED): "call_off",
    (Phase.CHOOSE, Phase.PLACE): "see_replica",
    (Phase.CHOOSE, Phase.ABANDONED): "call_off",
    (Phase.PLACE, Phase.RESTORE): "order_restore",
    (Phase.PLACE, Phase.ABANDONED): "call_off",
    (Phase.RESTORE, Phase.VERIFY): "hear_result",
    (Phase.RESTORE, Phase.ABANDONED): "call_off",
    (Phase.VERIFY, Phase.SWITCH): "switch",
    (Phase.VERIFY, Phase.ABANDONED): "call_off",
    (Phase.SWITCH, Phase.ROUTE): "see_adopted",
    (Phase.SWITCH, Phase.ABANDONED): "give_up",
    (Phase.ROUTE, Phase.DONE): "see_served",
    (Phase.ROUTE, Phase.ABANDONED): "give_up",
}
"""Every move by name. From `switch` on there is no way back to the old host; in place there is one
to what was there before, until what was restored serves."""

PHASE_MOVES: Mapping[str, frozenset[str]] = {
    phase: frozenset(str(after) for before, after in NAMED_MOVES if before is phase)
    for phase in Phase
}
ENDED = frozenset({Phase.DONE, Phase.ABANDONED, Phase.EXPIRED})
UNFINISHED = frozenset(Phase) - ENDED
BEFORE_SWITCH = UNFINISHED - {Phase.SWITCH, Phase.ROUTE}


def may_call_off(phase: str, *, in_place: bool) -> bool:
    """Whether a person may end it: elsewhere until the switch, in place until it serves."""
    return phase in (UNFINISHED if in_place else BEFORE_SWITCH)


@dataclass(frozen=True, slots=True)
class Source:
    """A backup replica that could be restored. `at`: the newest moment that may be promised, None:
    nothing is restorable; `opens`: from when on every moment can be asked for, None: none but the
    newest; `cuts`: but for those between two of these. `unusable`: why it cannot be read by a host
    at all; `disproof`: why its last restore test failed; `unread`: since when its archive cannot be
    read, and why."""

    key: str
    number: int
    store: str
    site: Site | None
    at: datetime | None
    unusable: str = ""
    disproof: str = ""
    unread: str = ""
    opens: datetime | None = None
    cuts: tuple[tuple[datetime, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """The replica to restore from. `source` None: there is none. `why_not`: of each other one."""

    source: Source | None
    reason: str
    why_not: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostSight:
    """A host that a database could go to. `taken_by`: what has its port there; `databases`: copies
    on it; `deaf_since`: since when it has taken no orders, if it takes none."""

    key: str
    name: str
    site: str
    rack: str
    verdict: Verdict = Verdict.ALIVE
    is_cordoned: bool = False
    is_quarantined: bool = False
    taken_by: str = ""
    databases: int = 0
    deaf_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Home:
    """Where a database belongs, and the host that is gone. `lost`: sites that are."""

    site: str
    host: str
    rack: str
    lost: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Place:
    """The host that gets it. `host` None: there is none. `why_not`: of each other one."""

    host: HostSight | None
    reason: str
    why_not: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Way:
    """One of the two ways of a restore. `refusal`: why it may not be gone now; `reason`: why it
    may, where that is empty."""

    name: str
    refusal: str
    reason: str


@dataclass(frozen=True, slots=True)
class OrderSight:
    """The newest order of one verb for this restore."""

    state: OperationState
    detail: str = ""
    held: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """The host that a database was on, and lived at the switch away from it."""

    name: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Result:
    """What the agent read back: every commit acknowledged up to `moment` is there."""

    moment: datetime
    canary: datetime | None = None


@dataclass(frozen=True, slots=True)
class LoanSight:
    """A volume of the provider's snapshot. `said`: what it waits for."""

    state: LoanState
    said: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that decides over one restore.

    `state`, `epoch`, `routed_epoch`: the database's; `old_epoch`: as both people saw it.
    `failover`: its unfinished one. `word_is_over`: nobody gave the second one in time.
    `verdict`, `is_quarantined`: of the new host, which pass by themselves; `deaf_since`: as in
    `HostSight`, `deaf_for` seconds ago. `source_gone`,
    `host_refused`: why what was agreed to does not hold any more. `quoted`: the moment that both
    people agreed to lose everything after; `to`: the one that they asked for.
    `restore`, `adopt`, `close`: the newest orders, the last to the old host `left`, None where that
    did not live at the switch; `orders`: how often the one that runs was begun, by an order or by
    an agent that ended in the middle of it;
    `quiet`: seconds since the newest one ended. `paused`: why nothing may be begun, if so.
    `members`, `lead`, `lease`: every copy of a business database, who led it last, and what that
    one lived by; `is_undecided`, `is_degraded`: as in `Standing`.
    `loan`: the volume that a provider's snapshot is read from, None: it is read without one.
    `in_place`: `host` is its own, and it serves there until the switch. `settled`: seconds in this
    phase; `server`, `said`: by its agent's newest word of who leads; `server`
    is empty where that is not of now.
    """

    phase: Phase
    database: str
    host: str
    state: DatabaseState
    epoch: int
    old_epoch: int
    new_epoch: int = 0
    routed_epoch: int = 0
    verdict: Verdict = Verdict.ALIVE
    is_quarantined: bool = False
    deaf_since: datetime | None = None
    deaf_for: float = 0.0
    word_is_over: bool = False
    called_off: str = ""
    failover: str = ""
    source_gone: str = ""
    host_refused: str = ""
    quoted: datetime | None = None
    to: datetime | None = None
    restore: OrderSight | None = None
    adopt: OrderSight | None = None
    close: OrderSight | None = None
    left: Left | None = None
    orders: int = 0
    quiet: float = 0.0
    result: Result | None = None
    paused: str = ""
    plan: Plan = Plan.STARTER
    members: tuple[Member, ...] = ()
    lead: Member | None = None
    is_undecided: bool = False
    is_degraded: bool = False
    lease: LeaseSight | None = None
    loan: LoanSight | None = None
    in_place: bool = False
    settled: float = 0.0
    server: str = ""
    said: str = ""

    @property
    def standing(self) -> Standing:
        """Of its database."""
        return Standing(
            self.database,
            self.plan,
            self.state,
            True,
            self.members,
            self.failover,
            self.lead,
            is_undecided=self.is_undecided,
            is_degraded=self.is_degraded,
        )


@dataclass(frozen=True, slots=True)
class Switched:
    """A restore that reached its switch, at `epoch`, and how it stands. `key`: as hosts know it."""

    key: str
    phase: Phase
    in_place: bool
    epoch: int
    ended_at: datetime | None


class Act(StrEnum):
    """What goes with the step, in one transaction: `advance`: the phase alone · `order`: the
    agent's order of this phase · `take`: its result is kept · `switch`: rows, epoch, the order to
    adopt, or to an old host that lives to close what it has · `close`: that order again · `end`: it
    is over, and what is staged is dropped."""

    ADVANCE = "advance"
    ORDER = "order"
    TAKE = "take"
    SWITCH = "switch"
    CLOSE = "close"
    END = "end"


@dataclass(frozen=True, slots=True)
class Step:
    """Do this next, and nothing else. `lease`: the number that a switch was judged by, where
    there is a lease that nobody revoked yet: it has to hold in the transaction too (B1)."""

    act: Act
    to: Phase
    reason: str
    lease: tuple[int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do now."""

    reason: str


Answer = Step | Wait
