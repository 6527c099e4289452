"""The worst case of one database, from its live settings, before anything fails. Pure.

Invariant: the sum is an upper bound of RTO_max by the formula of safety.md 3.1, phase by phase;
whatever breaks the promise is named with its value and with the price of another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recovery.failover.facts import NEVER
from recovery.failover.policy import MEBI
from recovery.failover.terms import Terms
from recovery.inventory.facts import Plan

START = 2.0
"""A server process from its start to its first answer, without recovery (0.2-0.6 s measured)."""
REPLAY = 50 * MEBI
"""Bytes of log replayed per second after a crash, on a busy machine; idle ones do 200 MB."""
LOAD = 100 * MEBI
"""Bytes of a dataset read into memory per second."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is known of one database. `settings`: of its primary and candidate as its agents tell
    them, seconds and bytes; `lag`: seconds that the candidate's replay is behind, None unknown.
    `no_candidate`: why nobody could take over now; "": somebody could."""

    plan: Plan
    engine: str
    terms: Terms
    settings: Mapping[str, float]
    lag: float | None = 0.0
    is_self_fencing: bool = True
    no_candidate: str = ""


@dataclass(frozen=True, slots=True)
class Bound:
    """One phase at its longest, and what sets it. `price`: what less of it would cost."""

    phase: str
    seconds: float
    setting: str
    price: str = ""


@dataclass(frozen=True, slots=True)
class WorstCase:
    """`seconds` from the loss to the first write; `reasons`: why the promise can't hold (red)."""

    bounds: tuple[Bound, ...]
    seconds: float
    with_leader_lost: float
    promise: float
    restart: float
    by_receipt: float
    reasons: tuple[str, ...]

    @property
    def is_kept(self) -> bool:
        return not self.reasons


def worst_case(case: Case) -> WorstCase:
    """By the formula RTO_max = L_cp + tau + C + O + P + D + 2 delta."""
    terms = case.terms
    bounds = _bounds(case)
    restart = _restart(case)
    total = sum(bound.seconds for bound in bounds)
    by_receipt = total - terms.span + terms.commit + terms.order
    reasons = _reasons(case, bounds, total)
    if case.plan is Plan.STARTER or case.no_candidate:
        total = by_receipt = NEVER
    return WorstCase(
        bounds=bounds,
        seconds=total,
        with_leader_lost=total + terms.leader,
        promise=terms.promise,
        restart=restart,
        by_receipt=by_receipt,
        reasons=reasons,
    )


def _bounds(case: Case) -> tuple[Bound, ...]:
    terms = case.terms
    return (
        Bound(
            "lease ends",
            terms.span,
            f"lease {terms.length:g} s",
            f"a shorter lease tolerates shorter pauses of its agent than"
            f" {terms.pause_tolerated:.1f} s",
        ),
        Bound("decide", terms.tick + terms.commit, f"tick {terms.tick:g} s"),
        Bound("order", terms.order + 2 * terms.one_way, f"order {terms.order:g} s"),
        Bound("promote", terms.promote, f"budget {terms.promote:g} s"),
        *_waits(case),
        Bound("redirect", terms.redirect, f"route {terms.redirect:g} s"),
    )


def _waits(case: Case) -> list[Bound]:
    """What a promotion has to wait for beyond its budget."""
    found = []
    if case.lag:
        found.append(
            Bound("replay", case.lag, f"replay lag {case.lag:.1f} s", "a faster standby's disk")
        )
    held = case.settings.get("max_standby_streaming_delay", 0.0)
    if held:
        seconds = NEVER if held < 0 else held
        said = "for ever" if held < 0 else f"{held:g} s"
        price = "queries on the standby are cancelled sooner"
        found.append(Bound("queries", seconds, f"max_standby_streaming_delay {said}", price))
    delay = case.settings.get("recovery_min_apply_delay", 0.0)
    if delay:
        price = "no copy that lags on purpose, against a mistaken deletion"
        found.append(Bound("delay", delay, f"recovery_min_apply_delay {delay:g} s", price))
    return found


def _restart(case: Case) -> float:
    """A crashed server in its place: start, and replay of what no checkpoint covers."""
    if case.engine == "postgresql":
        log = case.settings.get("max_wal_size", 1024.0 * MEBI)
        span = case.settings.get("checkpoint_timeout", 300.0)
        return START + min(log / REPLAY, span)
    return START + case.settings.get("used_memory", 0.0) / LOAD


def _reasons(case: Case, bounds: tuple[Bound, ...], total: float) -> tuple[str, ...]:
    if case.plan is Plan.STARTER:
        return ()
    if case.no_candidate:
        return (f"Nobody could take over now: {case.no_candidate}",)
    found = []
    if not case.is_self_fencing:
        found.append("It lives by no lease: a failover needs a power-off or two people.")
    if case.lag is None:
        found.append("How far its standby is behind is not known.")
    if total > case.terms.promise:
        found.append(f"{_seconds(total)} at worst, {case.terms.promise:g} s promised.")
        found.extend(_blame(bounds, total - case.terms.promise))
    return tuple(found)


def _blame(bounds: tuple[Bound, ...], over: float) -> list[str]:
    """The settings that alone make up for the excess; else the largest."""
    priced = sorted((one for one in bounds if one.price), key=lambda one: -one.seconds)
    guilty = [one for one in priced if one.seconds >= over] or priced[:1]
    return [f"{one.setting}: less of it costs this: {one.price}." for one in guilty]


def _seconds(span: float) -> str:
    return "no bound" if span == NEVER else f"{span:.1f} s"
