"""Where the containers of a lost datacenter would go, and what would have to make room. Pure.

Invariants: it is the scheduler's own decision on a snapshot without the datacenter; every copy is
moved, without a seat, or waiting, and counted once; only what has a lower priority is ever named
for shedding, and each running copy at most once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

import numpy as np

from recovery.brief.facts import FitFact, Misfit, RoomFact, Shed
from recovery.scheduling.decide import decide
from recovery.scheduling.facts import (
    ACTIVE,
    ApplicationFact,
    Decision,
    SeatFact,
    SeatState,
    Snapshot,
    Unplaced,
)
from recovery.scheduling.fleet import Fleet
from recovery.scheduling.what_if import after_loss

MOST_TRIED = 500
"""Copies without a seat that room is looked for, those of the highest priority first."""
ANSWERING = ACTIVE - {SeatState.SICK}


def fit_of(snapshot: Snapshot, lost: Collection[str], now: datetime, at_once: int = 1) -> FitFact:
    """If these hosts (ids) are given up."""
    gone = frozenset(lost)
    hit = {seat.application for seat in snapshot.seats if seat.host in gone}
    after = after_loss(snapshot, gone, hit)
    decision = decide(after, now)
    apps = {app.id: app for app in snapshot.applications}
    serving = {s.application for s in _elsewhere(snapshot, gone) if s.state in ANSWERING}
    degraded = sorted(apps[one].name for one in hit if one in serving)
    fleet = Fleet(after)
    before = _given_away(fleet)
    for place in decision.places:
        fleet.take(apps[place.application], fleet.index[place.host])
    rooms = _rooms(snapshot, gone, before, _given_away(fleet))
    sheds, tried, helped = _sheds(snapshot, fleet, decision, gone)
    missing = Counter(one.application for one in decision.places)
    missing.update(one.application for one in decision.waiting)
    missing.update(one.want.application for one in decision.unplaced)
    own = Counter(one.application for one in snapshot.seats if one.host in gone)
    return FitFact(
        containers=missing.total(),
        moved=len(decision.places),
        stops=tuple(sorted(apps[one].name for one in hit if one not in serving)),
        degraded=tuple(degraded),
        misfits=_misfits(decision, apps, snapshot),
        sheds=sheds,
        rooms=rooms,
        tried=tried,
        helped=helped,
        at_once=at_once,
        beside=(missing - own).total(),
    )


def within(snapshot: Snapshot, site: str) -> Snapshot:
    """The same with nothing placed outside of this datacenter; what sits there stays."""
    hosts = tuple(replace(h, outside=h.outside or h.datacenter != site) for h in snapshot.hosts)
    return replace(snapshot, hosts=hosts)


def _elsewhere(snapshot: Snapshot, gone: frozenset[str]) -> Iterable[SeatFact]:
    return (seat for seat in snapshot.seats if seat.host not in gone)


def _misfits(
    decision: Decision, apps: dict[str, ApplicationFact], snapshot: Snapshot
) -> tuple[Misfit, ...]:
    """By application and reason, the highest priority first."""
    counts: Counter[tuple[str, str, bool]] = Counter()
    counts.update((one.want.application, one.reason, False) for one in decision.unplaced)
    counts.update((one.application, one.reason, True) for one in decision.waiting)
    found = [
        Misfit(apps[app].name, apps[app].priority, n, _needs(apps[app], snapshot), why, waits)
        for (app, why, waits), n in counts.items()
    ]
    return tuple(sorted(found, key=lambda m: (m.is_waiting, -m.priority, m.application, m.reason)))


def _needs(app: ApplicationFact, snapshot: Snapshot) -> str:
    words = zip(snapshot.dimensions, app.need, strict=True)
    return ", ".join(dimension.in_words(amount) for dimension, amount in words)


def _given_away(fleet: Fleet) -> dict[str, int]:
    """Of each datacenter, percent of its memory; a host without any is full."""
    found = {}
    for site, within in fleet.datacenters.items():
        there, free = int(fleet.capacity[-1, within].sum()), int(fleet.free[-1, within].sum())
        found[site] = round(100 * (there - free) / there) if there else 100
    return found


def _rooms(
    snapshot: Snapshot, gone: frozenset[str], before: dict[str, int], after: dict[str, int]
) -> tuple[RoomFact, ...]:
    """The fullest first, those that are given up left out."""
    left = {host.datacenter for host in snapshot.hosts if host.id not in gone}
    found = [RoomFact(site, before[site], after[site]) for site in left]
    return tuple(sorted(found, key=lambda one: (-one.after, one.site)))


def _sheds(
    snapshot: Snapshot, fleet: Fleet, decision: Decision, gone: frozenset[str]
) -> tuple[tuple[Shed, ...], int, int]:
    """What would have to go, how many copies were tried, and how many of them it would help."""
    if not decision.unplaced:
        return (), 0, 0
    apps = {app.id: app for app in snapshot.applications}
    room = _Room(snapshot, fleet, gone)
    wanted = sorted(decision.unplaced, key=lambda one: -apps[one.want.application].priority)
    tried = wanted[:MOST_TRIED]
    helped = sum(room.make(one) for one in tried)
    found = [
        Shed(apps[app].name, apps[app].priority, n, _for(room.helped[app], apps))
        for app, n in room.shed.items()
    ]
    return tuple(sorted(found, key=lambda s: (s.priority, s.application))), len(tried), helped


def _for(helped: set[str], apps: dict[str, ApplicationFact]) -> str:
    names = sorted(f"{apps[one].name} (priority {apps[one].priority})" for one in helped)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"makes room for {', '.join(names[:3])}{more}"


class _Room:
    """The fleet after all that fits was placed; what is shed in it stays shed."""

    def __init__(self, snapshot: Snapshot, fleet: Fleet, gone: frozenset[str]) -> None:
        self.apps = {app.id: app for app in snapshot.applications}
        self.fleet = fleet
        seats = [seat for seat in _elsewhere(snapshot, gone) if seat.state in ACTIVE]
        self.seats = seats
        self.at = np.array([self.fleet.index[seat.host] for seat in seats], dtype=np.int64)
        owners = [self.apps[seat.application] for seat in seats]
        self.priority = np.array([app.priority for app in owners], dtype=np.int64)
        shape = (len(seats), len(snapshot.dimensions))
        self.need = np.array([app.need for app in owners], dtype=np.int64).reshape(shape).T
        self.stays = np.ones(len(seats), dtype=np.bool_)
        self.shed: Counter[str] = Counter()
        self.helped: dict[str, set[str]] = defaultdict(set)

    def make(self, one: Unplaced) -> bool:
        """Room for this copy, on the host where least has to go; whether there is any."""
        app = self.apps[one.want.application]
        need = np.array(app.need, dtype=np.int64)
        may_go = self.stays & (self.priority < app.priority)
        size = len(self.fleet.hosts)
        gain = np.array(
            [np.bincount(self.at[may_go], row[may_go], size) for row in self.need]
        ).astype(np.int64)
        short = np.maximum(need[:, None] - self.fleet.free, 0)
        fits = self.fleet.open & self.fleet.labelled(app.labels) & (gain >= short).all(axis=0)
        fits[list(self.fleet.seated.get(app.id, ()))] = False
        if not fits.any():
            return False
        share = (short / np.maximum(self.fleet.capacity, 1)).sum(axis=0)
        host = int(np.where(fits, share, np.inf).argmin())
        self._clear(app, host, may_go)
        self.fleet.take(app, host)
        return True

    def _clear(self, app: ApplicationFact, host: int, may_go: np.ndarray) -> None:
        """The lowest priority first, until it fits."""
        there = np.flatnonzero(may_go & (self.at == host))
        for seat in sorted(there.tolist(), key=lambda n: (int(self.priority[n]), n)):
            if all(f >= n for f, n in zip(self.fleet.free[:, host], app.need, strict=True)):
                return
            self.stays[seat] = False
            self.fleet.free[:, host] += self.need[:, seat]
            name = self.seats[seat].application
            self.shed[name] += 1
            self.helped[name].add(app.id)
