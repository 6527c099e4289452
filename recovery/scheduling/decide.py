"""The scheduler's decision: snapshot and now in, orders with reasons out. Pure.

Order: first the copies of applications with none left that answers (one each), then by
priority, then by the share of copies that is missing. Invariants: no host above its declared
capacity, never two seats of one application on one host, and deciding again after the orders
were applied gives no further order.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from recovery.scheduling.facts import (
    ApplicationFact,
    Cause,
    Decision,
    HostFact,
    Order,
    Place,
    Policy,
    Snapshot,
    Stop,
    Waiting,
    Want,
)
from recovery.scheduling.feasible import explain
from recovery.scheduling.fleet import Fleet
from recovery.scheduling.forming import waits_for_fleet
from recovery.scheduling.rank import best_host
from recovery.scheduling.reconcile import Plan, reconcile


def decide(snapshot: Snapshot, now: datetime) -> Decision:
    """What to do with this snapshot's applications, and why the rest is not done."""
    plan = reconcile(snapshot, now)
    if not plan.wants:
        return Decision(tuple(plan.orders), tuple(plan.waiting))
    apps = {app.id: app for app in snapshot.applications}
    fleet = Fleet(snapshot)
    grant = _Grant(snapshot.policy)
    orders: list[Order] = list(plan.orders)
    waiting = list(plan.waiting)
    misfits: list[Want] = []
    for want in order_wants(plan, apps):
        app = apps[want.application]
        if waits_for_fleet(snapshot, want):
            waiting.append(Waiting(app.id, want.ordinal, Cause.FORMING, snapshot.forming))
            continue
        refusal = grant.refusal(want)
        if refusal:
            waiting.append(Waiting(app.id, want.ordinal, Cause.GOVERNOR, refusal, want.replaces))
            continue
        at = best_host(fleet, app, want.avoid)
        if at is None:
            misfits.append(want)
            continue
        grant.use(want)
        fleet.take(app, at)
        orders.extend(_orders(want, fleet.hosts[at], first=not plan.serving[app.id]))
    unplaced = (explain(fleet, apps[w.application], w, snapshot.dimensions) for w in misfits)
    return Decision(tuple(orders), tuple(waiting), tuple(unplaced))


def order_wants(plan: Plan, apps: dict[str, ApplicationFact]) -> list[Want]:
    """Who goes first. The first copy of an application of which nothing answers precedes all
    others; its further copies take their turn by priority."""
    missing = Counter(want.application for want in plan.wants)
    dead = {app for app, serving in plan.serving.items() if serving == 0}
    ranked = sorted(
        plan.wants,
        key=lambda want: (
            -apps[want.application].priority,
            -missing[want.application] / max(apps[want.application].wanted, 1),
            apps[want.application].name,
            want.application,
            want.ordinal,
        ),
    )
    first: list[Want] = []
    rest: list[Want] = []
    for want in ranked:
        if want.application in dead:
            dead.discard(want.application)
            first.append(want)
        else:
            rest.append(want)
    return first + rest


def _orders(want: Want, host: HostFact, *, first: bool) -> list[Order]:
    """The seat; where the old one must go first, the seat is reserved and the old one stopped."""
    place = Place(
        application=want.application,
        ordinal=want.ordinal,
        generation=want.generation,
        host=host.id,
        provisional=want.provisional,
        cause=want.cause,
        reason=want.reason,
        replaces=want.replaces,
        start=not want.stop_first,
        first=first,
    )
    if not want.stop_first:
        return [place]
    told = f"{want.reason}; only one may run, then it starts on {host.name}"
    return [place, Stop(want.replaces, told)]


class _Grant:
    """How many seats may be placed in this round."""

    def __init__(self, policy: Policy) -> None:
        self.frozen = policy.frozen
        self.left = policy.places_at_once
        self.paced = policy.paced_at_once

    def refusal(self, want: Want) -> str:
        if self.frozen:
            return f"{want.reason}; {self.frozen}"
        if self.left is not None and self.left <= 0:
            return f"{want.reason}; the governor grants no further start now"
        if want.paced and self.paced is not None and self.paced <= 0:
            return f"{want.reason}; replaced at the brake's pace, its turn comes"
        return ""

    def use(self, want: Want) -> None:
        if self.left is not None:
            self.left -= 1
        if want.paced and self.paced is not None:
            self.paced -= 1
