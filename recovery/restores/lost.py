"""Whether every copy of a database is lost, and with them the right to write to it. Pure.

Invariants: a database is put elsewhere only while nobody lives who could serve it (I-DB-1): on the
starter plan it waits, on the business plan each of its hosts is gone, or says itself, now, that its
data do not start, or may not be promoted, and the lease that its primary lived by has ended on the
leader's own clock (B2); whoever is seen again before the switch ends it. An old word says nothing:
an agent that nobody hears starts its server by itself once it can.
"""

from __future__ import annotations

from dataclasses import dataclass

from recovery.inventory.facts import DatabaseState, Plan, Verdict

GONE = frozenset({Verdict.LOST, Verdict.HUNG})
"""A host of which nobody expects an outcome."""
DOWN = frozenset({"absent", "down", "failed"})
"""What its agent says of a server that does not run."""
UNSEEN = float("inf")
"""Left of a lease whose newest number this leader has not seen."""


@dataclass(frozen=True, slots=True)
class Member:
    """A copy of the database, and what is held to be true of its host. `server`: by the newest word
    of its agent in this epoch, empty where there is none; `is_lead`: it led last; `is_heard`: that
    word is of now."""

    name: str
    host: str
    verdict: Verdict
    server: str = ""
    is_lead: bool = True
    is_heard: bool = True

    @property
    def was_down(self) -> bool:
        """Its host lives, and by its agent's last word, whenever that was, nothing ran there."""
        return self.verdict is Verdict.ALIVE and self.server in DOWN

    @property
    def is_down(self) -> bool:
        """Its host lives, and its own agent says that nothing runs there."""
        return self.was_down and self.is_heard

    @property
    def is_silent(self) -> bool:
        """It was down, and nobody says that it still is."""
        return self.was_down and not self.is_heard


@dataclass(frozen=True, slots=True)
class LeaseSight:
    """The lease of its old primary. `number`: (epoch, incarnation, sequence) as it was judged;
    `left`: seconds until nobody can write by it any more; `is_revoked`: by an earlier decision."""

    number: tuple[int, int, int]
    left: float
    is_revoked: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """How a database stands. `leads`: whether it is known who led it last; `lead`: its primary's
    copy, None where it has none; `failover`: its unfinished one, by name and kind; `is_undecided`:
    that has revoked nothing and ordered nobody to lead; `is_degraded`: writes may have been
    acknowledged without its standbys, so nobody is promoted (I-DB-2)."""

    name: str
    plan: Plan
    state: DatabaseState
    leads: bool
    members: tuple[Member, ...] = ()
    failover: str = ""
    lead: Member | None = None
    is_undecided: bool = False
    is_degraded: bool = False


def is_down(standing: Standing) -> bool:
    """Who led it last lives, and its data do not start."""
    return standing.lead is not None and standing.lead.is_down


def refuse(standing: Standing) -> str:
    """Why this database is not restored elsewhere now; empty where it may be."""
    name = standing.name
    if standing.plan is Plan.BUSINESS:
        return _refuse_business(standing)
    if standing.state is not DatabaseState.WAITING or not standing.leads:
        return f"{name} does not wait: what serves is not replaced by its backup."
    if standing.failover:
        return f"{standing.failover} of {name}, is under way."
    return ""


def _refuse_business(standing: Standing) -> str:
    """Its unfinished failover is no reason: it waits for a candidate, and there is none."""
    if standing.state is DatabaseState.MAKING or not standing.leads:
        return f"{standing.name} never served: there is nothing to bring back."
    return lives(standing)


def lives(standing: Standing) -> str:
    """Who may still serve it, as a sentence; empty: nobody."""
    if not standing.members:
        return "It has no copy that could be lost."
    return next((_said(one) for one in _living(standing)), "")


def _living(standing: Standing) -> list[Member]:
    """Those of whom more is known first."""
    found = [m for m in standing.members if m.verdict not in GONE and not _is_out(m, standing)]
    return sorted(found, key=lambda one: one.is_silent)


def _said(one: Member) -> str:
    if one.is_silent:
        how = f"was {one.server} by its agent's last word, and is not heard now"
    elif one.server == "running":
        how = f"is {one.verdict}, and runs"
    else:
        how = f"is {one.verdict}"
    return (
        f"{one.name} on {one.host} {how}: while one of its copies may live, it"
        " fails over or waits, and no backup takes its place."
    )


def is_unheard(standing: Standing) -> str:
    """Why its switch waits for an agent's word; empty: nobody's is missed."""
    first = next(iter(_living(standing)), None)
    return _said(first) if first is not None and first.is_silent else ""


def _is_out(one: Member, standing: Standing) -> bool:
    """Its host lives, and it can serve nobody: its own agent says that its data do not start; or it
    is a standby that may not be promoted, for writes were acknowledged without it. Not while a
    failover may have ordered somebody to lead."""
    if standing.failover and not standing.is_undecided:
        return False
    return one.is_down or (standing.is_degraded and not one.is_lead)


def is_back(standing: Standing) -> str:
    """Why a restore that was agreed to ends before its switch: somebody lives again. Whose agent
    is not heard now is waited for (`is_unheard`)."""
    if standing.plan is Plan.BUSINESS:
        silent = is_unheard(standing)
        found = "" if silent else lives(standing)
        return f"{found} Nothing was replaced." if found else ""
    if standing.state is DatabaseState.SERVING:
        return f"{standing.name} serves again: its host is back. Nothing was replaced."
    return ""


def is_open(lease: LeaseSight | None) -> str:
    """Why somebody may still write by this lease; empty: nobody. One that was never renewed binds
    nobody: then two people's word alone stands for the old host, as on the starter plan."""
    if lease is None or lease.number[2] == 0 or lease.left <= 0.0:
        return ""
    if lease.left == UNSEEN:
        return "The lease of its old primary has not been looked at yet."
    return f"The lease of its old primary ends in {lease.left:.0f} s."
