"""A database's host is lost, returns, or is to be emptied: what its writing user goes through."""

from __future__ import annotations

import pytest

from tests.failovers.telling import Bases, Wait, now
from tests.stories.telling import diary
from tests.support.running import wait_for

FAST, STANDARD = 15.0, 60.0
"""Seconds that the profiles promise, from the loss on (safety.md 3.2)."""


def _lose_primary(bases: Bases, name: str, promise: float) -> Wait:
    """Kill its host; the gap of its user once writes are acknowledged again."""
    bases.prove(name)
    bases.allow(name)
    host, epoch, since = bases.host_of(name), bases.one(name, "epoch"), now()
    standby = bases.host_of(name, "standby")
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
    host = bases.host_of("town-pg")
    waited = _lose_primary(bases, "town-pg", FAST)
    assert waited.seconds <= FAST
    quote = bases.failover("town-pg")["loss"]
    assert quote["said"]
    if quote["bound"] is None:
        assert "no bound can be given" in quote["said"]
    else:  # ten numbers a second: what was written in the quoted time, and the one under way
        assert waited.lost <= 10 * quote["bound"] + 1
    assert len(bases.missing("town-pg")) == waited.lost
    _returns_as_standby(bases, "town-pg", host)


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


def test_a_switchover_from_the_page_costs_its_users_a_moment_and_no_write(bases: Bases) -> None:
    name = "orders-pg"
    bases.prove(name)
    since = now()
    target = bases.host_of(name, "standby")
    said = bases.press(f"/databases/{name}/switchover/", target=target, reason="A new disk.")
    assert "begins" in said
    wait_for(lambda: bases.host_of(name) == target, 60)
    bases.settle(name)
    waited = bases.waited(name, since)
    diary(f"{name}: switched over, {waited.seconds if waited else 0.0:.2f} s without a write")
    assert waited is None or waited.seconds <= 6.0
    assert bases.missing(name) == set()
    assert bases.failover(name)["phase"] == "done"
