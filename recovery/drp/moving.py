"""Copies that live are moved from one datacenter into another: one of an application at a time, by
scheduling's own rules of a drain. Pure.

Invariants: a new copy stands in the datacenter that takes over, and answers, before the old one is
stopped; of what may run only once the old one is gone before the new one starts; nothing of another
copy, and nothing of what lives elsewhere, is touched.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from recovery.drp.placing import PASSES_BY_ITSELF
from recovery.drp.sights import Heard, Outcome
from recovery.scheduling.decide import decide
from recovery.scheduling.facts import (
    ACTIVE,
    Decision,
    HostFact,
    Order,
    Place,
    SeatFact,
    SeatState,
    Snapshot,
)


@dataclass(frozen=True, slots=True)
class Move:
    """Of one application. `out_of` empty: from wherever else they sit; `only`: the ordinals that
    go; empty: all that sit there."""

    application: str
    name: str
    out_of: str
    into: str
    only: frozenset[int] = frozenset()

    def leaves(self, site: str) -> bool:
        return site == self.out_of if self.out_of else site != self.into


@dataclass(frozen=True, slots=True)
class Turn:
    """What follows now. `ordinal`: the copy whose turn it is, 0: all are there; `decision`: what is
    to be written for it; `outcome`: how the whole stands while nothing is to be written."""

    ordinal: int
    decision: Decision
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class _Copy:
    """One that goes. `old`: its seats in what is left; `new`: those where it goes."""

    ordinal: int
    old: tuple[SeatFact, ...]
    new: tuple[SeatFact, ...]

    @property
    def is_there(self) -> bool:
        runs = any(one.state is SeatState.RUNNING and not one.provisional for one in self.new)
        return runs and not self.old


def next_turn(move: Move, snapshot: Snapshot, now: datetime) -> Turn:
    """Asked again after every change, and after every crash: it remembers nothing."""
    hosts = {host.id: host for host in snapshot.hosts}
    copies = _copies(move, snapshot.seats, hosts)
    left = [copy for copy in copies if not copy.is_there]
    if not left:
        return Turn(0, Decision(), _done(move, copies, hosts))
    copy = min(left, key=lambda one: (not one.new, one.ordinal))  # what was begun is ended first
    decision = decide(_as_it_is_for(copy, move, snapshot, hosts), now)
    mine = _of(copy.ordinal, decision, snapshot.seats)
    said = f"{move.name}: {len(copies) - len(left)} of {len(copies)} copies are in {move.into}."
    return Turn(copy.ordinal, mine, _waits(move, copy, mine, said))


def _copies(move: Move, seats: Sequence[SeatFact], hosts: dict[str, HostFact]) -> tuple[_Copy, ...]:
    """Of each that goes, its seats there and here; what sits elsewhere is none of ours."""
    sites = {seat.id: hosts[seat.host].datacenter for seat in seats}
    there = {seat.ordinal for seat in seats if move.leaves(sites[seat.id])}
    wanted = move.only or there | {
        seat.ordinal for seat in seats if seat.provisional and sites[seat.id] == move.into
    }
    return tuple(
        _Copy(
            ordinal,
            tuple(one for one in seats if one.ordinal == ordinal and move.leaves(sites[one.id])),
            tuple(
                one
                for one in seats
                if one.ordinal == ordinal and sites[one.id] == move.into and one.state in ACTIVE
            ),
        )
        for ordinal in sorted(wanted)
    )


def _as_it_is_for(
    copy: _Copy, move: Move, snapshot: Snapshot, hosts: dict[str, HostFact]
) -> Snapshot:
    """The host of its old seat is drained of it; nothing takes a new one outside of `into`."""
    drained = {seat.host for seat in copy.old}
    return replace(
        snapshot,
        hosts=tuple(
            replace(
                host,
                outside=host.datacenter != move.into,
                draining=host.id in drained,
            )
            for host in hosts.values()
        ),
    )


def _of(ordinal: int, decision: Decision, seats: Sequence[SeatFact]) -> Decision:
    """What of it is about this copy alone."""
    mine = {seat.id for seat in seats if seat.ordinal == ordinal}
    return Decision(
        tuple(one for one in decision.orders if _is_about(one, ordinal, mine)),
        tuple(one for one in decision.waiting if one.ordinal == ordinal),
        tuple(one for one in decision.unplaced if one.want.ordinal == ordinal),
    )


def _is_about(order: Order, ordinal: int, seats: Collection[str]) -> bool:
    if isinstance(order, Place):
        return order.ordinal == ordinal
    return order.seat in seats


def _waits(move: Move, copy: _Copy, decision: Decision, said: str) -> Outcome:
    """`NEVER`: something is to be written first."""
    name = f"{move.name}-{copy.ordinal}"
    if decision.orders:
        return Outcome(Heard.NEVER, f"{said} It is the turn of {name}.")
    if decision.unplaced:
        return Outcome(
            Heard.FAILED, f"{said} {name} stays where it is: {decision.unplaced[0].reason}."
        )
    stuck = [one for one in decision.waiting if one.cause not in PASSES_BY_ITSELF]
    if stuck and not copy.new:
        return Outcome(Heard.FAILED, f"{said} {name} stays where it is: {stuck[0].reason}.")
    if not copy.old and not copy.new:
        return Outcome(Heard.FAILED, f"{said} {name} runs nowhere: rescheduling finds it a host.")
    waits = f" {decision.waiting[0].reason}." if decision.waiting else ""
    return Outcome(Heard.UNDER_WAY, f"{said} {name} is on its way.{waits}")


def _done(move: Move, copies: Sequence[_Copy], hosts: dict[str, HostFact]) -> Outcome:
    if not copies:
        return Outcome(Heard.DONE, f"{move.name}: no copy of it is left to be moved.")
    where = ", ".join(hosts[copy.new[-1].host].name for copy in copies)
    return Outcome(
        Heard.DONE, f"{move.name}: {len(copies)} of {len(copies)} copies run on {where}."
    )
