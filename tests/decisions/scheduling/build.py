"""Small worlds for the scheduler's tests, and what becomes of them when orders are carried out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from recovery.inventory.facts import Replace, Verdict
from recovery.scheduling.facts import (
    ApplicationFact,
    Confirm,
    Decision,
    HostFact,
    Kind,
    Lose,
    Place,
    Readopt,
    SeatFact,
    SeatState,
    SlotFact,
    Snapshot,
    Start,
    Stop,
    Vector,
)

NOW = datetime(2026, 11, 23, 3, 7, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1)


def host(
    name: str,
    datacenter: str = "PAR1",
    rack: str = "r1",
    capacity: Vector = (4000, 8192),
    verdict: Verdict = Verdict.ALIVE,
    *,
    replace: Replace = Replace.NONE,
    labels: Iterable[str] = (),
    cordoned: bool = False,
    draining: bool = False,
    quarantined: bool = False,
    deaf: bool = False,
) -> HostFact:
    return HostFact(
        id=name,
        name=name,
        datacenter=datacenter,
        rack=rack,
        capacity=capacity,
        used=tuple(0 for _ in capacity),
        labels=frozenset(labels),
        cordoned=cordoned,
        draining=draining,
        quarantined=quarantined,
        deaf=deaf,
        verdict=verdict,
        replace=replace,
    )


def app(
    name: str,
    wanted: int = 1,
    need: Vector = (100, 128),
    priority: int = 0,
    kind: Kind = Kind.STATELESS,
    *,
    labels: Iterable[str] = (),
    slots: Iterable[SlotFact] = (),
) -> ApplicationFact:
    return ApplicationFact(
        name, name, wanted, need, priority, kind, frozenset(labels), tuple(slots)
    )


def seat(
    application: str,
    on: str,
    ordinal: int = 1,
    generation: int = 1,
    state: SeatState = SeatState.RUNNING,
    *,
    since: datetime = LONG_AGO,
    provisional: bool = False,
    released: bool = False,
    asked: bool = True,
) -> SeatFact:
    return SeatFact(
        id=f"{application}.{ordinal}.{generation}",
        application=application,
        ordinal=ordinal,
        host=on,
        generation=generation,
        state=state,
        since=since,
        provisional=provisional,
        released=released,
        asked=asked,
    )


def world(
    hosts: Iterable[HostFact],
    applications: Iterable[ApplicationFact],
    seats: Iterable[SeatFact] = (),
) -> Snapshot:
    """A snapshot whose hosts' use is what the seats take."""
    snapshot = Snapshot(tuple(hosts), tuple(applications), tuple(seats))
    return _with_use(snapshot)


def _with_use(snapshot: Snapshot) -> Snapshot:
    needs = {app.id: app.need for app in snapshot.applications}
    used = {host.id: [0] * len(host.capacity) for host in snapshot.hosts}
    for held in snapshot.seats:
        for at, need in enumerate(needs[held.application]):
            used[held.host][at] += need
    hosts = tuple(replace(h, used=tuple(used[h.id])) for h in snapshot.hosts)
    return replace(snapshot, hosts=hosts)


def change(snapshot: Snapshot, name: str, **fields: object) -> Snapshot:
    """The same world after one host changed."""
    hosts = tuple(replace(h, **fields) if h.id == name else h for h in snapshot.hosts)  # type: ignore[arg-type]  # the test names the fields
    return replace(snapshot, hosts=hosts)


def carry_out(snapshot: Snapshot, decision: Decision, now: datetime = NOW) -> Snapshot:
    """The rows after the orders were committed; nothing has been observed yet."""
    seats = {held.id: held for held in snapshot.seats}
    for order in decision.orders:
        match order:
            case Place():
                new = seat(
                    order.application,
                    order.host,
                    order.ordinal,
                    order.generation,
                    SeatState.PLANNED,
                    since=now,
                    provisional=order.provisional,
                    asked=order.start,
                )
                assert new.id not in seats, f"generation given twice: {new.id}"
                seats[new.id] = new
            case Confirm():
                asked = seats[order.seat].asked or order.start
                seats[order.seat] = replace(seats[order.seat], provisional=False, asked=asked)
            case Lose():
                seats[order.seat] = replace(seats[order.seat], state=SeatState.LOST, since=now)
            case Readopt():
                seats[order.seat] = replace(
                    seats[order.seat], state=SeatState.STARTING, since=now, provisional=False
                )
            case Start():
                seats[order.seat] = replace(seats[order.seat], asked=True)
            case Stop():
                seats[order.seat] = replace(seats[order.seat], state=SeatState.STOPPING, since=now)
    return _with_use(replace(snapshot, seats=tuple(seats.values())))


def observe(snapshot: Snapshot, now: datetime = NOW) -> Snapshot:
    """The rows after living hosts reported: what was started runs, what was stopped is gone."""
    alive = {host.id for host in snapshot.hosts if host.verdict is Verdict.ALIVE}
    single = {app.id for app in snapshot.applications if app.kind is Kind.SINGLETON}
    seats = tuple(
        replace(held, state=SeatState.RUNNING, since=now)
        if held.host in alive and _starts(held, single)
        else held
        for held in snapshot.seats
        if not (held.host in alive and held.state is SeatState.STOPPING)
    )
    return _with_use(replace(snapshot, seats=seats))


def _starts(held: SeatFact, single: set[str]) -> bool:
    """A reserved seat of a singleton does not start before it is confirmed."""
    reserved = held.provisional and held.application in single
    return held.state in {SeatState.PLANNED, SeatState.STARTING} and not reserved
