"""A database's host is lost, returns, or is to be emptied: what its writing user goes through."""

from __future__ import annotations

import re
from contextlib import nullcontext

import pytest

from tests.failovers.account import accounting
from tests.failovers.lagging import receiving_nothing
from tests.failovers.telling import Bases, Wait, now
from tests.stories.telling import diary
from tests.support.running import wait_for

FAST, STANDARD = 15.0, 60.0
"""Seconds that the profiles promise, from the loss on (safety.md 3.2)."""
RATE = 10
"""Writes a second of each database's user."""
BEHIND = 3.0
RESOLUTION = 1.5
"""Seconds: a renewal every 0.5 s tells a position at most 0.5 s old, at either end of what is
missing, and a write every 0.1 s measures it."""


def _lose_primary(bases: Bases, name: str, promise: float, *, behind: float = 0.0) -> Wait:
    """Kill its host; the gap of its user once writes are acknowledged again. `behind`: for so
    many seconds its standby has received nothing by then."""
    bases.prove(name)
    bases.allow(name)
    host, epoch = bases.host_of(name), bases.one(name, "epoch")
    standby = bases.host_of(name, "standby")
    with accounting(bases, name):
        with receiving_nothing(bases, name, standby) if behind else nullcontext():
            acknowledged, since = bases.acknowledged(name), now()
            wait_for(lambda: bases.acknowledged(name) >= acknowledged + behind * RATE)
            bases.stack.lab("kill", host=host)
        wait_for(lambda: bases.waited(name, since) is not None, 2 * promise + 30)
    waited = bases.waited(name, since)
    assert waited is not None
    assert bases.one(name, "epoch") > epoch
    assert bases.host_of(name) == standby
    diary(f"{name}: {host} lost, {waited.seconds:.2f} s without a write, {waited.lost} lost")
    return waited


def _returns_as_standby(bases: Bases, name: str, host: str) -> None:
    bases.stack.lab("restart", host=host)
    wait_for(lambda: bases.host_of(name, "standby") == host, 90)
    bases.settle(name)


def test_a_synchronous_database_fails_over_and_loses_nothing(bases: Bases) -> None:
    host = bases.host_of("orders-pg")
    waited = _lose_primary(bases, "orders-pg", FAST)
    assert waited.seconds <= FAST
    assert waited.lost == 0
    assert bases.missing("orders-pg") == set()
    _returns_as_standby(bases, "orders-pg", host)
    assert bases.missing("orders-pg") == set()
    assert bases.failover("orders-pg")["phase"] == "done"


def test_an_asynchronous_database_loses_what_was_quoted_before(bases: Bases) -> None:
    """Its standby lags when its primary's host is lost, so that there is something to lose."""
    name = "town-pg"
    bases.settle(name)
    host, gone = bases.host_of(name), bases.missing(name)
    waited = _lose_primary(bases, name, FAST, behind=BEHIND)
    lost, quote = bases.missing(name) - gone, bases.failover(name)["loss"]
    diary(
        f"{name}: {len(lost) / RATE:.1f} s of writes are lost; before it was said: {quote['said']}"
    )
    assert waited.seconds <= FAST
    assert waited.lost == len(lost)
    assert len(lost) > (BEHIND - 1.0) * RATE, "there was something to lose"
    assert abs(quote["seconds"] - len(lost) / RATE) <= RESOLUTION
    if quote["bound"] is None:
        assert "no bound can be given" in quote["said"]
    else:  # what was written in the quoted time, and the one under way
        assert len(lost) <= RATE * quote["bound"] + 1
    _returns_as_standby(bases, name, host)


def test_a_valkey_fails_over(bases: Bases) -> None:
    host = bases.host_of("sessions-valkey")
    waited = _lose_primary(bases, "sessions-valkey", FAST)
    assert waited.seconds <= FAST
    assert len(bases.missing("sessions-valkey")) == waited.lost
    _returns_as_standby(bases, "sessions-valkey", host)


@pytest.mark.timeout(600)
def test_the_standard_profile_keeps_its_promise_too(bases: Bases) -> None:
    host = bases.host_of("records-pg")
    waited = _lose_primary(bases, "records-pg", STANDARD)
    assert waited.seconds <= STANDARD
    assert waited.lost == 0
    _returns_as_standby(bases, "records-pg", host)


def _begins(bases: Bases, name: str, target: str) -> bool:
    """What is known to be unsafe at that moment is refused, and nothing of it is begun."""
    said = bases.press(f"/databases/{name}/switchover/", target=target, reason="A new disk.")
    refusal = re.search(r"[^>]*Nothing was begun[^<]*", said)
    assert bool(refusal) != ("begins" in said), said
    if refusal:
        diary(f"{name}: not switched over yet: {refusal[0].strip()}")
    return refusal is None


def test_a_switchover_from_the_page_costs_its_users_a_moment_and_no_write(bases: Bases) -> None:
    name = "orders-pg"
    bases.prove(name)
    since = now()
    target = bases.host_of(name, "standby")
    wait_for(lambda: _begins(bases, name, target), 60)
    wait_for(lambda: bases.host_of(name) == target, 60)
    bases.settle(name)
    waited = bases.waited(name, since)
    diary(f"{name}: switched over, {waited.seconds if waited else 0.0:.2f} s without a write")
    assert waited is None or waited.seconds <= 6.0
    assert bases.missing(name) == set()
    assert bases.failover(name)["phase"] == "done"
