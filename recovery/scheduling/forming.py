"""While a fleet forms: who is heard first would get every new copy, and keep it. Pure.

What runs is left alone, so a first moment with one living host stays uneven for good: its labelled
disks are full when an evacuation needs them. Invariant: only copies that never had a seat wait,
and none longer than `MOST` after the last of the missing hosts gave a sign that it is to come.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from recovery.inventory.facts import Verdict
from recovery.scheduling.facts import Cause, HostFact, Snapshot, Want

FEW = 0.1
"""A share of the fleet without which it is even enough: one host that joins delays nothing."""
MOST = timedelta(seconds=15)
"""Hosts that were invited longer ago and never came are not waited for."""


def forming(hosts: Sequence[HostFact], now: datetime) -> str:
    """Why new copies wait: more hosts than a `FEW` were never seen, and one of those is about to
    come. Empty: they do not. A clock that is ahead of ours keeps nobody waiting for long either."""
    unseen = [host for host in hosts if host.verdict is Verdict.ENROLLING]
    if len(unseen) <= FEW * len(hosts):
        return ""
    if not any(host.joining_at and abs(now - host.joining_at) < MOST for host in unseen):
        return ""
    return (
        f"the fleet is forming: {len(unseen)} of {len(hosts)} hosts have not been seen yet; "
        f"at most {MOST.total_seconds():.0f} s"
    )


def waits_for_fleet(snapshot: Snapshot, want: Want) -> bool:
    """Only what was never placed: everything else had a seat, and somebody misses it."""
    return bool(snapshot.forming) and want.cause is Cause.NEW and want.generation == 1
