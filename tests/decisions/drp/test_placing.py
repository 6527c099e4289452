"""What an approved step lets scheduling do, and how an application's copies are told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recovery.drp.moving import Move, next_turn
from recovery.drp.placing import CopySight, outcome_of, reasons, under_authority
from recovery.drp.sights import Heard
from recovery.inventory.facts import Replace, Verdict
from recovery.scheduling.facts import (
    Cause,
    Decision,
    HostFact,
    Snapshot,
    Unplaced,
    Waiting,
    Want,
)
from tests.decisions.scheduling.build import NOW, app, host, seat, world

HOST = HostFact("1", "par1-r1-h1", "PAR1", "r1", (4000, 8000), (0, 0))
SEATED = CopySight(1, "shop-1", "osu2-r1-h1", runs=True)
LEFT = CopySight(2, "shop-2", unseated="3 hosts: not enough memory.")


def told(host: HostFact) -> HostFact:
    return under_authority(Snapshot((host,), (), ()), "PAR1").hosts[0]


@pytest.mark.parametrize("verdict", [Verdict.LOST, Verdict.HUNG])
def test_the_brake_is_passed_for_hosts_that_are_gone(verdict: Verdict) -> None:
    held = replace(HOST, verdict=verdict, replace=Replace.HELD)
    assert told(held).replace is Replace.ALLOWED
    elsewhere = replace(held, datacenter="OSU2")
    assert told(elsewhere) == elsewhere, "nobody approved that"


@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.ISOLATED, Verdict.SUSPECT])
def test_it_is_not_passed_where_somebody_may_live(verdict: Verdict) -> None:
    held = replace(HOST, verdict=verdict, replace=Replace.HELD)
    assert told(held).replace is Replace.HELD


def test_nothing_is_placed_back_into_the_datacenter_that_is_left() -> None:
    assert told(HOST).outside
    assert not told(replace(HOST, datacenter="OSU2")).outside


def test_why_a_copy_stays_counts_what_is_outside_of_the_plan_as_that() -> None:
    """Nobody cordoned anything."""
    hosts = [
        host("par1-a1"),
        host("par1-a2"),
        host("mrs1-a1", "MRS1", verdict=Verdict.LOST),
        host("osu2-a1", "OSU2", verdict=Verdict.SUSPECT),
        host("osu2-a2", "OSU2", cordoned=True),
        host("osu2-a3", "OSU2", verdict=Verdict.SUSPECT),
    ]
    there = world(hosts, [app("cart", 2)], [seat("cart", "par1-a1")])
    said = next_turn(Move("cart", "cart", "PAR1", "OSU2"), there, NOW).outcome.said
    assert said == (
        "cart: 0 of 1 copies are in OSU2. cart-1 stays where it is: 2 hosts: not alive · 3 hosts:"
        " outside of the plan · 1 host: cordoned."
    )


def test_an_application_that_answers_is_done_and_names_what_has_no_host() -> None:
    outcome = outcome_of("shop", [SEATED, LEFT])
    assert outcome.heard is Heard.DONE
    assert outcome.said == (
        "shop: 1 of 2 copies run on osu2-r1-h1. Not placed: shop-2: 3 hosts: not enough memory."
    )
    assert outcome_of("shop", [LEFT]).heard is Heard.FAILED


def test_a_copy_that_nobody_looked_for_a_host_for_is_not_done() -> None:
    assert outcome_of("shop", [SEATED, replace(LEFT, unseated="")]).heard is Heard.NEVER
    starting = replace(SEATED, runs=False)
    assert outcome_of("shop", [starting, LEFT]).heard is Heard.UNDER_WAY


def test_what_passes_by_itself_is_waited_for_and_the_rest_is_a_persons() -> None:
    want = Want("1", 3, 1, Cause.LOST, "par1-r1-h1 is lost")
    decision = Decision(
        waiting=(
            Waiting("1", 1, Cause.BACKOFF, "failed once, next attempt in 5 s"),
            Waiting("1", 2, Cause.FENCE, "only one may run"),
        ),
        unplaced=(Unplaced(want, "memory", "3 hosts: not enough memory", ()),),
    )
    assert reasons(decision) == (
        {2: "only one may run.", 3: "3 hosts: not enough memory."},
        "failed once, next attempt in 5 s",
    )
