"""Whether every copy of a database is lost, and with them the right to write to it. Pure.

Invariants: a database is put elsewhere only while nobody lives who could serve it (I-DB-1): on the
starter plan it waits, on the business plan each of its hosts is gone and the lease that its primary
lived by has ended on the leader's own clock (B2); whoever is seen again before the switch ends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recovery.inventory.facts import DatabaseState, Plan, Verdict

GONE = frozenset({Verdict.LOST, Verdict.HUNG})
"""A host of which nobody expects an outcome."""
UNSEEN = float("inf")
"""Left of a lease whose newest number this leader has not seen."""


@dataclass(frozen=True, slots=True)
class Member:
    """A copy of the database, and what is held to be true of its host."""

    name: str
    host: str
    verdict: Verdict


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
    copy, None where it has none; `failover`: its unfinished one, by name and kind."""

    name: str
    plan: Plan
    state: DatabaseState
    leads: bool
    members: tuple[Member, ...] = ()
    failover: str = ""
    lead: Member | None = None


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
    """Its unfinished failover is no reason: it waits for a candidate, and all of them are gone."""
    if standing.state is DatabaseState.MAKING or not standing.leads:
        return f"{standing.name} never served: there is nothing to bring back."
    return lives(standing.members)


def lives(members: Sequence[Member]) -> str:
    """Who may still serve it, as a sentence; empty: every copy is lost."""
    for one in members:
        if one.verdict not in GONE:
            return (
                f"{one.name} on {one.host} is {one.verdict}: while one of its copies may live, it"
                " fails over or waits, and no backup takes its place."
            )
    return "" if members else "It has no copy that could be lost."


def is_back(standing: Standing) -> str:
    """Why a restore that was agreed to ends before its switch: somebody lives again."""
    if standing.plan is Plan.BUSINESS:
        found = lives(standing.members)
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
