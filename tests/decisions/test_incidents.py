"""When an incident is mitigated, open again, or over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recovery.incidents.decide import EYES_SECONDS, STABLE_SECONDS, Step, judge_incident
from recovery.incidents.facts import IncidentFact, IncidentState, MemberFact


def fact(
    state: IncidentState, *whole: bool, was: bool = False, whole_for: float | None = None
) -> IncidentFact:
    members = tuple(
        MemberFact(n, was, is_whole, f"m{n}: 1 of 2 containers run")
        for n, is_whole in enumerate(whole)
    )
    return IncidentFact("i", state, members, whole_for)


@pytest.mark.parametrize("state", [IncidentState.OPEN, IncidentState.ACKNOWLEDGED])
def test_it_is_mitigated_when_every_member_is_whole(state: IncidentState) -> None:
    assert judge_incident(fact(state, True, False)).step is Step.NOTHING
    assert judge_incident(fact(state, True, True)).step is Step.MITIGATE


def test_it_opens_again_when_something_is_hurt_again_and_says_what() -> None:
    judged = judge_incident(fact(IncidentState.MITIGATED, True, False, was=True, whole_for=3))
    assert judged.step is Step.REOPEN
    assert judged.now_hurt == ((1, "m1: 1 of 2 containers run"),)
    assert "1 of 2 containers run" in judged.reason


def test_it_is_over_only_after_everything_stayed_whole() -> None:
    early = fact(IncidentState.MITIGATED, True, was=True, whole_for=STABLE_SECONDS - 0.1)
    late = fact(IncidentState.MITIGATED, True, was=True, whole_for=STABLE_SECONDS)
    assert judge_incident(early).step is Step.NOTHING
    assert judge_incident(late).step is Step.RESOLVE


def test_what_is_whole_is_named() -> None:
    """ "Its one member is whole again" stood three lines below "3 databases down"."""
    eyes = MemberFact(1, False, True, "Tocsin's eyes see again")
    one = IncidentFact("i", IncidentState.OPEN, (eyes,), None, "INC-0003")
    assert judge_incident(one).reason == "Tocsin's eyes see again."
    two = replace(one, members=(eyes, eyes))
    assert judge_incident(two).reason == "All 2 members of INC-0003 are whole again."


def test_our_own_eyes_stay_whole_for_longer_before_it_is_over() -> None:
    whole = fact(IncidentState.MITIGATED, True, was=True, whole_for=STABLE_SECONDS)
    eyes = replace(whole, is_of_eyes=True)
    assert judge_incident(eyes).step is Step.NOTHING
    assert judge_incident(replace(eyes, whole_for=EYES_SECONDS)).step is Step.RESOLVE
