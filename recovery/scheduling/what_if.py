"""If it is lost now: what stops, what fits elsewhere, what does not. Pure.

It is the decision itself, run on a snapshot in which the hosts are lost and replacing them is
allowed: the forecast can differ from the act only where the facts do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from recovery.inventory.facts import Replace, Verdict
from recovery.scheduling.decide import decide
from recovery.scheduling.facts import ACTIVE, Policy, SeatState, Snapshot, Unplaced, Waiting


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the loss of `hosts` would do. `stops`: applications that would have no running
    container until one is placed; `degraded`: those that lose some and keep answering."""

    name: str
    hosts: tuple[str, ...]
    stops: tuple[str, ...]
    degraded: tuple[str, ...]
    moved: int
    unplaced: tuple[Unplaced, ...]
    waiting: tuple[Waiting, ...]

    @property
    def containers(self) -> int:
        """Seats that would have to be found."""
        return self.moved + len(self.unplaced) + len(self.waiting)


def what_if(snapshot: Snapshot, lost: Collection[str], now: datetime, name: str = "") -> Outlook:
    """The outlook if these hosts (ids) were lost now."""
    gone = frozenset(lost)
    hit = {seat.application for seat in snapshot.seats if seat.host in gone}
    before = _running(snapshot, hit, frozenset())
    after = _running(snapshot, hit, gone)
    names = {app.id: app.name for app in snapshot.applications}
    decision = decide(after_loss(snapshot, gone, hit), now)
    return Outlook(
        name=name,
        hosts=tuple(sorted(gone)),
        stops=tuple(sorted(names[a] for a in before if not after.get(a))),
        degraded=tuple(sorted(names[a] for a in before if 0 < after.get(a, 0) < before[a])),
        moved=len(decision.places),
        unplaced=decision.unplaced,
        waiting=decision.waiting,
    )


def outlooks(snapshot: Snapshot, now: datetime) -> tuple[Outlook, ...]:
    """One outlook per datacenter, per rack and per host, in this order, each by name."""
    return tuple(what_if(snapshot, hosts, now, name) for name, hosts in _domains(snapshot))


def _domains(snapshot: Snapshot) -> Iterable[tuple[str, tuple[str, ...]]]:
    for key in (
        lambda host: host.datacenter,
        lambda host: f"{host.datacenter} {host.rack}",
        lambda host: host.name,
    ):
        domains: dict[str, list[str]] = {}
        for host in snapshot.hosts:
            domains.setdefault(key(host), []).append(host.id)
        yield from ((name, tuple(domains[name])) for name in sorted(domains))


def _running(
    snapshot: Snapshot, applications: Collection[str], gone: frozenset[str]
) -> dict[str, int]:
    counts: dict[str, int] = {}
    for seat in snapshot.seats:
        if (
            seat.application in applications
            and seat.state in ACTIVE - {SeatState.SICK}
            and seat.host not in gone
        ):
            counts[seat.application] = counts.get(seat.application, 0) + 1
    return counts


def after_loss(snapshot: Snapshot, gone: frozenset[str], hit: set[str]) -> Snapshot:
    """Only the applications that are hit; the lost hosts lost, their replacement allowed. Nobody
    is waited for: it says what would come of it, not what is done in this moment."""
    return replace(
        snapshot,
        hosts=tuple(
            replace(host, verdict=Verdict.LOST, replace=Replace.ALLOWED)
            if host.id in gone
            else host
            for host in snapshot.hosts
        ),
        applications=tuple(app for app in snapshot.applications if app.id in hit),
        seats=tuple(seat for seat in snapshot.seats if seat.application in hit),
        policy=Policy(),
        forming="",
    )
