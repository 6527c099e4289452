"""The restore lottery: which backup replica is restored next only to see that it can be. Pure.

Invariants: one at a time, and none is begun while an incident lasts, a person's restore runs or
everything is paused; what was drawn ends as passed only with a row that was read back, as failed
with the agent's words, as void where nothing was learnt about the archive (a store that is away, a
host that cannot, no volume), and while nobody knows it is asked for again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from recovery.backups.lottery import Ticket, choose
from recovery.backups.words import spoken
from recovery.inventory.facts import Verdict
from recovery.operations.facts import UNDER_WAY, OperationState
from recovery.restores.decide import AGAIN_SECONDS, ARCHIVE, MOST_ORDERS, is_passing, words_of
from recovery.restores.facts import HostSight, OrderSight

SELDOM = timedelta(days=1)
OFTEN = timedelta(minutes=10)
LENT_WITHIN = 3600.0
"""Seconds until a test of a snapshot of which there is no volume is given up."""


@dataclass(frozen=True, slots=True)
class Running:
    """The test that runs, by its newest order. `orders`, `quiet`: as in `Facts`. `waits`: what a
    volume of its snapshot waits for, if so; `age`: seconds since it began."""

    order: OrderSight | None
    orders: int = 0
    quiet: float = 0.0
    waits: str = ""
    age: float = 0.0


@dataclass(frozen=True, slots=True)
class Trial:
    """Everything that decides over the next turn. `hindered`: why none is begun now; `last`: when
    the newest one began; `members`: by ticket, hosts that hold a copy of its database; `pause`:
    from one to the next at least."""

    now: datetime
    within: timedelta
    running: Running | None = None
    hindered: str = ""
    last: datetime | None = None
    tickets: tuple[Ticket, ...] = ()
    hosts: tuple[HostSight, ...] = ()
    members: frozenset[tuple[str, str]] = frozenset()
    pause: timedelta = OFTEN


@dataclass(frozen=True, slots=True)
class Begin:
    """Restore this one on that host (keys)."""

    ticket: str
    host: str
    why: str


@dataclass(frozen=True, slots=True)
class Again:
    """Its order is asked for again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """Its outcome is known; `failure` empty: it was restored, and what was read back counts."""

    failure: str = ""


@dataclass(frozen=True, slots=True)
class Void:
    """It ended, and told nothing about the archive: it is tried again later."""

    said: str


@dataclass(frozen=True, slots=True)
class Idle:
    reason: str


Turn = Begin | Again | Ended | Void | Idle


def every(tickets: int, within: timedelta, pause: timedelta = OFTEN) -> timedelta:
    """From one turn to the next: twice as many turns as replicas fit into the time."""
    return min(SELDOM, max(pause, within / max(1, 2 * tickets)))


def next_turn(trial: Trial, draw: float) -> Turn:
    """What to do now. `draw` in [0, 1)."""
    if trial.running is not None:
        return _running(trial, trial.running)
    if trial.hindered:
        return Idle(trial.hindered)
    rhythm = every(len(trial.tickets), trial.within, trial.pause)
    if trial.now < _due(trial, rhythm):
        return Idle(f"The next one is drawn {spoken(rhythm)} after the last one.")
    found = choose(trial.tickets, now=trial.now, draw=draw, every=rhythm, within=trial.within)
    if found is None:
        return Idle("There is nothing that could be restored.")
    host = scratch_host(trial.hosts, found.key, trial.members)
    if host is None:
        return Idle("No living host without a copy of that database can take a test.")
    age = (
        "never proven yet" if found.is_new else f"not proven for {spoken(trial.now - found.since)}"
    )
    return Begin(found.key, host.key, f"Drawn: {age}. Restored on {host.name}.")


def _due(trial: Trial, rhythm: timedelta) -> datetime:
    """Where none was ever tested, soon after the first one could be."""
    if trial.last is not None:
        return trial.last + rhythm
    return min((one.since for one in trial.tickets), default=trial.now) + trial.pause


def scratch_host(
    hosts: Sequence[HostSight], ticket: str, members: frozenset[tuple[str, str]]
) -> HostSight | None:
    """A living, trusted host that takes orders, serves nothing of this, with the fewest copies."""
    usable = [
        one
        for one in hosts
        if one.verdict is Verdict.ALIVE
        and not one.is_cordoned
        and not one.is_quarantined
        and one.deaf_since is None
        and (ticket, one.key) not in members
    ]
    return min(usable, key=lambda one: (one.databases, one.name), default=None)


def _running(trial: Trial, running: Running) -> Turn:
    order = running.order
    if order is not None and order.state in UNDER_WAY:
        return Idle("One runs.")
    if order is not None and order.state is OperationState.DONE:
        return Ended()
    is_final = order is not None and order.state is not OperationState.UNKNOWN
    if order is not None and is_final and not is_passing(order):
        said = words_of(order) or f"Its order is {order.state}."
        return Ended(said) if disproves(order) else Void(said)
    return _unknown(trial, running)


def disproves(order: OrderSight) -> bool:
    """Whether its agent tried and found the archive wanting: it says so, and whatever else it says
    is held against no archive."""
    is_told = order.state in {OperationState.FAILED, OperationState.REFUSED}
    return is_told and order.detail.startswith(ARCHIVE)


def _unknown(trial: Trial, running: Running) -> Turn:
    """Nobody has told an outcome, or nobody was asked yet."""
    if running.waits and running.age > LENT_WITHIN:
        return Void(f"Its snapshot could not be read: {running.waits}")
    if running.waits:
        return Idle(running.waits)
    if running.orders >= MOST_ORDERS:
        return Void(f"Nothing was learnt of it in {running.orders} attempts.{_last(running)}")
    if trial.hindered or running.quiet < AGAIN_SECONDS:
        return Idle(trial.hindered or "It is asked for again in a moment.")
    return Again("Its outcome is not known.")


def _last(running: Running) -> str:
    return f" {running.order.detail}" if running.order and running.order.detail else ""
