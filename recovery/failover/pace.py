"""Whose failover goes first when many databases are hurt at once (I-BR-1, I-BR-2). Pure.

Invariant: never more unfinished failovers than the limits, in the fleet, per minute and per
receiving host; whoever waits is told who goes first. The order does not depend on arrival.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recovery.failover.policy import Policy
from recovery.inventory.facts import Plan

MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Asking:
    """A database whose failover is ready to revoke. `receiver`: the host of its candidate.

    `service_left`: seconds of this month's service level that are unused; `since`: how long it
    has been asking."""

    database: str
    name: str
    plan: Plan
    is_synchronous: bool
    priority: int
    service_left: float
    receiver: str
    since: float


@dataclass(frozen=True, slots=True)
class Running:
    """A failover that has revoked and has not reached *rebuild*; `age` since its revocation."""

    database: str
    receiver: str
    age: float
    is_finished: bool = False


def urgency(one: Asking) -> tuple[int, int, int, float, float, str]:
    """Business before starter, then priority, then what loses nothing, then who has the least
    service level left, then who has waited longest."""
    return (
        0 if one.plan is Plan.BUSINESS else 1,
        -one.priority,
        0 if one.is_synchronous else 1,
        one.service_left,
        -one.since,
        one.database,
    )


def pace(asking: Sequence[Asking], running: Sequence[Running], policy: Policy) -> Mapping[str, str]:
    """Why each waits, by database; "": it may go now. `running` holds those of the last minute,
    finished ones too."""
    flying = [one for one in running if not one.is_finished]
    begun = sum(1 for one in running if one.age < MINUTE)
    hosts = Counter(one.receiver for one in flying)
    fleet = len(flying)
    answers: dict[str, str] = {}
    for one in sorted(asking, key=urgency):
        reason = _refusal(fleet, begun, hosts[one.receiver], policy)
        answers[one.database] = reason
        if not reason:
            fleet, begun = fleet + 1, begun + 1
            hosts[one.receiver] += 1
    return answers


def _refusal(fleet: int, begun: int, host: int, policy: Policy) -> str:
    if fleet >= policy.failovers_at_once:
        return f"{fleet} failovers are under way, at most {policy.failovers_at_once} at once."
    if begun >= policy.failovers_per_minute:
        return f"{begun} began within a minute, at most {policy.failovers_per_minute} do."
    if host >= policy.failovers_per_host:
        return f"Its candidate's host is promoting {host} others, at most that many at once."
    return ""
