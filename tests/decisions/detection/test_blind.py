"""When we don't trust our eyes, and when we do again (I-BR-3, B3, M12)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recovery.core.errors import BadConfiguration
from recovery.detection.blind import blindness
from recovery.detection.facts import Anchor, Gateway, Vantage
from recovery.detection.policy import Policy

POLICY = Policy()
SEEING = Vantage(gateways=(Gateway("g1", 0.2, 900.0),), watching=900.0, tick_gap=0.2)
ALL = {"A": 4, "B": 4, "C": 4}


def test_a_fleet_that_is_heard_is_no_reason_for_blindness() -> None:
    assert not blindness(SEEING, ALL, ALL, POLICY)


def test_a_gateway_that_never_spoke_is_not_said_to_be_old() -> None:
    new = replace(SEEING, gateways=(Gateway("g1", float("inf"), 0.0),))
    assert blindness(new, ALL, ALL, POLICY).reasons[0] == "Gateway g1 was not heard yet."


BLINDING = {
    "no gateway": replace(SEEING, gateways=()),
    "an old digest": replace(SEEING, gateways=(Gateway("g1", 1.1, 900.0),)),
    "one of two digests old": replace(
        SEEING, gateways=(Gateway("g1", 0.1, 9e3), Gateway("g2", 3.0, 9e3))
    ),
    "another database": replace(SEEING, database_changed=True),
}


@pytest.mark.parametrize("name", BLINDING)
def test_a_reason_for_blindness(name: str) -> None:
    blind = blindness(BLINDING[name], ALL, ALL, POLICY)
    assert blind
    assert not blind.starting


@pytest.mark.parametrize(
    ("heard", "is_blind"),
    [
        ({"A": 0, "B": 0, "C": 0}, True),
        ({"A": 2, "B": 2, "C": 2}, True),
        ({"A": 4, "B": 0, "C": 0}, True),
        ({"A": 4, "B": 4, "C": 0}, False),
        ({"A": 4, "B": 3, "C": 0}, False),
    ],
)
def test_a_majority_and_two_of_three_vantage_points_must_be_heard(
    heard: dict[str, int], is_blind: bool
) -> None:
    assert bool(blindness(SEEING, heard, ALL, POLICY)) is is_blind


def test_an_anchor_outside_is_a_vantage_point() -> None:
    two = {"A": 4, "B": 3}
    heard = {"A": 4, "B": 0}
    reached = replace(SEEING, anchors=(Anchor("witness", True),))
    assert not blindness(reached, heard, two, POLICY)
    cut = replace(SEEING, anchors=(Anchor("witness", False),))
    assert blindness(cut, heard, two, POLICY)


@pytest.mark.parametrize(
    "vantage",
    [
        replace(SEEING, watching=5.9),
        replace(SEEING, tick_gap=0.7),
        replace(SEEING, since_gap=3.1),
        replace(SEEING, gateways=(Gateway("g1", 0.2, 900.0, gap=1.5),)),
    ],
    ids=["fresh start", "own gap", "after own gap", "the gateway's gap"],
)
def test_after_a_start_or_a_gap_we_only_watch_for_a_while(vantage: Vantage) -> None:
    blind = blindness(vantage, ALL, ALL, POLICY)
    assert blind.starting
    assert blind.seconds_left > 0


def test_a_gap_of_three_ticks_is_none() -> None:
    assert not blindness(replace(SEEING, tick_gap=0.6), ALL, ALL, POLICY)


def test_a_policy_that_would_judge_before_it_suspects_is_refused() -> None:
    with pytest.raises(BadConfiguration):
        Policy(suspect_after=3.0)
    with pytest.raises(BadConfiguration):
        Policy(witnesses=1)


@pytest.mark.parametrize(
    ("vantage", "is_late"),
    [
        (replace(SEEING, tick_gap=0.7), True),
        (replace(SEEING, since_gap=1.0), True),
        (replace(SEEING, watching=1.0), False),
        (replace(SEEING, watching=1.0, tick_gap=0.7), False),
        (replace(SEEING, gateways=(Gateway("g1", 0.2, 900.0, gap=1.5),)), False),
    ],
)
def test_a_grace_for_our_own_late_ticks_is_told_from_any_other(
    vantage: Vantage, is_late: bool
) -> None:
    blind = blindness(vantage, ALL, ALL, POLICY)
    assert blind.is_grace
    assert blind.is_late is is_late


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        (
            {"A": 0, "B": 0, "C": 0},
            "None of the 3 vantage points (datacenters, anchors) are reached.",
        ),
        (
            {"A": 4, "B": 0, "C": 0},
            "Only 1 of the 3 vantage points (datacenters, anchors) is reached.",
        ),
    ],
)
def test_how_few_vantage_points_are_reached_is_said_in_words(
    heard: dict[str, int], said: str
) -> None:
    assert any(why.startswith(said) for why in blindness(SEEING, heard, ALL, POLICY).reasons)


@pytest.mark.parametrize(
    ("sites", "said"),
    [
        ("B", "Nobody of B is heard, yet others see it alive."),
        ("BC", "Nobody of B or C is heard, yet others see them alive."),
        ("BCD", "Nobody of B, C or D is heard, yet others see them alive."),
    ],
)
def test_however_many_live_it_is_one_sentence(sites: str, said: str) -> None:
    heard, watched = {"A": 3}, {"A": 3} | dict.fromkeys(sites, 3)
    unheard = replace(SEEING, gateways=())
    cut = blindness(unheard, heard, watched, Policy(), dict.fromkeys(sites, "a1 sees it alive."))
    assert [why for why in cut.reasons if why.startswith("Nobody")] == [said]
