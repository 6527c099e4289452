"""M1 to M9 of safety.md and what later seeds taught: rules taken away one by one; some seed must
notice each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from recovery.core import leases
from recovery.core.leases import NEVER, AgentLease, EchoWatch, LeaseRow, Promises
from recovery.failover import analyse, begin, carry, terms, watch
from recovery.failover.terms import Terms
from recovery.failover.track import Track, Word
from recovery.failover.watch import LeaseWatch
from tests.simulation.failover import decider, ground, host, world

Mutant = Callable[[pytest.MonkeyPatch], None]


def m1_deadline_from_the_reply(patch: pytest.MonkeyPatch) -> None:
    def granted(
        self: AgentLease, *, epoch: int, incarnation: int, sequence: int, now: float
    ) -> bool:
        if (epoch, incarnation) != (self.epoch, self.incarnation) or sequence > self.sequence:
            return False
        self.heard(now)
        self.echo = max(self.echo, sequence)
        return self.waiting.pop(sequence, None) is not None and self._extend(now)

    patch.setattr(AgentLease, "granted", granted)


def m2_no_drift_margin(patch: pytest.MonkeyPatch) -> None:
    def span(length: float, **_: float) -> float:
        return length

    patch.setattr(leases, "guard_span", span)
    patch.setattr(terms, "guard_span", span)


def m3_wall_clock(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ground, "BY_WALL", [True])


def m4_no_regrace(patch: pytest.MonkeyPatch) -> None:
    """A decider that starts takes what it has never seen for long silent."""

    def first(row: LeaseRow, terms: Terms, now: float) -> LeaseWatch:
        return LeaseWatch(row, terms, NEVER, NEVER)

    patch.setattr(watch.LeaseWatch, "begin", first)
    patch.setattr(watch.LeaseWatch, "regrace", lambda self, now: self)


def m5_agent_as_the_only_fence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(host, "AGENT_ONLY", [True])


def m6_no_compare_and_swap(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decider, "CHECKED", [False])


def m7_no_epoch_in_the_data_path(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(world, "IS_ROUTED", [False])


def m8_no_echo(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(EchoWatch, "may_grant", lambda self, **_: True)


def m9_no_promise_check(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Promises, "refuse_promotion", lambda self, epoch, now: "")
    patch.setattr(begin, "is_kept", lambda *_: "")
    patch.setattr(analyse, "is_kept", lambda *_: "")


def late_orders_are_obeyed(patch: pytest.MonkeyPatch) -> None:
    """B5 at the agent, with renewals of any epoch granted."""

    def renewed(self: LeaseRow, *, replica: str, epoch: int, number: tuple[int, int]) -> bool:
        return replica == self.replica and number > (self.incarnation, self.sequence)

    patch.setattr(LeaseRow, "renewed", renewed)


def revoked_leases_are_renewed(patch: pytest.MonkeyPatch) -> None:
    real = LeaseRow.renewed

    def renewed(self: LeaseRow, *, replica: str, epoch: int, number: tuple[int, int]) -> bool:
        return real(replace(self, revoked=False), replica=replica, epoch=epoch, number=number)

    patch.setattr(LeaseRow, "renewed", renewed)


def reports_older_than_the_stop_count(patch: pytest.MonkeyPatch) -> None:
    """Nobody is asked: the newest report of each synchronous standby has to do."""
    patch.setattr(carry, "ask_standbys", lambda *_: None)


def a_first_sight_is_young(patch: pytest.MonkeyPatch) -> None:
    """The loss quote counts from when the word was first seen, also after a take-over."""

    def note(self: Track, row: LeaseRow, now: float) -> Track:
        return Track(row.replica, (Word((row.epoch, 0, row.sequence), row.position, now, now),))

    patch.setattr(Track, "note", note)


MUTANTS: tuple[Mutant, ...] = (
    m1_deadline_from_the_reply,
    m2_no_drift_margin,
    m3_wall_clock,
    m4_no_regrace,
    m5_agent_as_the_only_fence,
    m6_no_compare_and_swap,
    m7_no_epoch_in_the_data_path,
    m8_no_echo,
    m9_no_promise_check,
    late_orders_are_obeyed,
    revoked_leases_are_renewed,
    reports_older_than_the_stop_count,
    a_first_sight_is_young,
)
