"""Who is heard first does not get everything: new copies wait a moment for the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from recovery.inventory.facts import Replace, Verdict
from recovery.scheduling.decide import decide
from recovery.scheduling.facts import (
    ApplicationFact,
    Cause,
    HostFact,
    SeatFact,
    SeatState,
    SlotFact,
    Snapshot,
)
from recovery.scheduling.forming import forming
from recovery.scheduling.what_if import outlooks
from tests.decisions.scheduling.build import NOW, app, carry_out, host, seat, world

JUST_NOW = NOW - timedelta(seconds=1)


def fleet(seen: int, of: int = 12, joining_at: datetime | None = JUST_NOW) -> list[HostFact]:
    """Hosts of which so many were seen; the others are about to come."""
    hosts = [host(f"h{n:02}") for n in range(of)]
    return hosts[:seen] + [
        replace(one, verdict=Verdict.ENROLLING, joining_at=joining_at) for one in hosts[seen:]
    ]


def at(
    now: datetime,
    hosts: Sequence[HostFact],
    applications: Sequence[ApplicationFact],
    seats: Sequence[SeatFact] = (),
) -> Snapshot:
    """As the rows are loaded at this instant."""
    return replace(world(hosts, applications, seats), forming=forming(hosts, now))


THREE = [app("payment"), app("shop-front"), app("cart")]


def test_the_first_of_twelve_hosts_gets_nothing_new_and_each_copy_says_why() -> None:
    decision = decide(at(NOW, fleet(1), THREE), NOW)
    assert (decision.orders, decision.unplaced) == ((), ())
    assert {w.application for w in decision.waiting} == {"payment", "shop-front", "cart"}
    assert {(w.cause, w.reason) for w in decision.waiting} == {
        (
            Cause.FORMING,
            "the fleet is forming: 11 of 12 hosts have not been seen yet; at most 15 s",
        )
    }


@pytest.mark.parametrize(("seen", "placed"), [(0, 0), (6, 0), (10, 0), (11, 3), (12, 3)])
def test_it_goes_on_once_all_but_a_tenth_of_the_hosts_are_seen(seen: int, placed: int) -> None:
    decision = decide(at(NOW, fleet(seen), THREE), NOW)
    assert len({place.host for place in decision.places}) == placed
    assert len(decision.waiting) == 3 - placed


@pytest.mark.parametrize(("age", "placed"), [(-20, 3), (-2, 0), (0, 0), (14.9, 0), (15, 3)])
def test_it_goes_on_after_fifteen_seconds_whoever_is_missing(age: float, placed: int) -> None:
    hosts = fleet(1, joining_at=NOW - timedelta(seconds=age))
    assert len(decide(at(NOW, hosts, THREE), NOW).places) == placed


def test_hosts_that_nobody_invited_are_not_waited_for_but_one_latecomer_is() -> None:
    hosts = fleet(1, joining_at=None)
    assert len(decide(at(NOW, hosts, THREE), NOW).places) == 3
    hosts[-1] = replace(hosts[-1], joining_at=JUST_NOW)
    assert decide(at(NOW, hosts, THREE), NOW).places == ()


def test_a_fleet_without_hosts_forms_not() -> None:
    assert forming([], NOW) == ""


def test_what_had_a_seat_does_not_wait() -> None:
    hosts = fleet(5, of=14)
    hosts[1] = replace(hosts[1], verdict=Verdict.LOST, replace=Replace.ALLOWED)
    hosts[2] = replace(hosts[2], draining=True)
    hosts[3] = replace(hosts[3], verdict=Verdict.SUSPECT, replace=Replace.PROVISIONAL)
    failed = SlotFact(1, 1, failures=1, failed_at=NOW - timedelta(minutes=1))
    given = at(
        NOW,
        hosts,
        [
            app("new"),
            app("lost"),
            app("drained"),
            app("suspected"),
            app("sick"),
            app("failed", slots=[failed]),
            app("ended", slots=[SlotFact(1, 3)]),
        ],
        [
            seat("lost", "h01"),
            seat("drained", "h02"),
            seat("suspected", "h03"),
            seat("sick", "h00", state=SeatState.SICK),
        ],
    )
    decision = decide(given, NOW)
    assert {place.cause for place in decision.places} == {
        Cause.LOST,
        Cause.DRAIN,
        Cause.SUSPECT,
        Cause.SICK,
        Cause.FAILED,
        Cause.NEW,
    }
    assert "ended" in {place.application for place in decision.places}, "it had a seat once"
    assert [(w.application, w.cause) for w in decision.waiting] == [("new", Cause.FORMING)]


def test_a_forecast_waits_for_nobody() -> None:
    hosts = fleet(2, of=8)
    given = at(NOW, hosts, [app("shop", 2, slots=[SlotFact(1, 1)])], [seat("shop", "h00")])
    assert decide(given, NOW).waiting, "its second copy is new, and waits"
    assert all(one.waiting == () for one in outlooks(given, NOW))


def test_a_lab_that_comes_up_one_by_one_is_even() -> None:
    now = at(NOW, fleet(1), THREE)
    for seen in range(1, 13):
        now = replace(now, hosts=tuple(fleet(seen)), forming=forming(fleet(seen), NOW))
        now = carry_out(now, decide(now, NOW))
    assert len({one.host for one in now.seats}) == 3
