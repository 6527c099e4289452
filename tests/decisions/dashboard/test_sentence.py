"""The sentence at the top, from facts alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.sentence import Databases, Standing, say

CALM = Standing(hosts=12, wanted=20, answering=20)


def test_it_says_that_all_is_well_when_everything_was_seen() -> None:
    said = say(CALM)
    assert said.text == "All 12 hosts answer. 20 containers run."
    assert said.tone == ""


def test_it_names_the_site_of_a_lost_host_and_what_restarts() -> None:
    said = say(
        replace(
            CALM,
            lost={"PAR1": 1},
            gone=("par1-a1",),
            near=("its rack", "its datacenter"),
            answering=17,
            arriving=3,
            services=8,
            at_risk=2,
            down=("newsletter",),
        )
    )
    assert said.text == "1 host lost in PAR1, 3 containers restarting."
    assert said.after == (
        "par1-a1 is silent; its rack and its datacenter answer. newsletter is down, "
        "2 applications are at risk, 5 are not touched. 17 of 20 containers answer."
    )
    assert said.tone == "down"


def test_a_whole_datacenter_is_named_as_one_thing() -> None:
    said = say(replace(CALM, lost={"PAR1": 4}, sizes={"PAR1": 4, "OSU2": 4}, answering=15))
    assert said.text == "PAR1 is lost: all its 4 hosts, 5 containers without a place."


def test_a_lost_host_that_ran_nothing_hurts_nobody_and_says_so() -> None:
    said = say(replace(CALM, lost={"PAR1": 1}, gone=("par1-a1",), services=8))
    assert said.after == ("par1-a1 is silent. No application is hurt. 20 of 20 containers answer.")


def test_a_container_without_a_place_is_told_apart_from_one_that_restarts() -> None:
    said = say(replace(CALM, answering=17, arriving=1))
    assert said.text == "1 container restarting, 2 containers without a place."
    assert said.tone == "risk"


def test_blind_is_said_before_anything_else() -> None:
    said = say(replace(CALM, lost={"PAR1": 9}, blind="the gateways are silent"))
    assert said.text == "Tocsin is blind: the gateways are silent."
    assert said.tone == "down"


def test_who_is_blind_names_the_datacenters_that_nothing_is_heard_of() -> None:
    said = say(replace(CALM, blind="few are heard.", silent=("PAR1", "OSU2")))
    assert said.after.startswith("Nothing is heard of PAR1 and OSU2. 12 hosts as last recorded.")


def test_nobody_watching_is_blind() -> None:
    assert say(replace(CALM, is_watched=False)).text.startswith("Tocsin is blind: ")


def test_before_the_first_look_nothing_is_told_as_fine() -> None:
    said = say(replace(CALM, is_watched=None))
    assert said.text == "12 hosts answered when last recorded."
    assert said.tone == "unknown"


def test_hosts_that_are_not_seen_are_never_counted_as_answering() -> None:
    said = say(replace(CALM, unseen=2))
    assert said.text == "2 hosts not seen."
    assert said.tone == "unknown"


def test_an_empty_fleet_says_what_to_do() -> None:
    assert say(Standing(hosts=0)).text == "No hosts yet."


@pytest.mark.parametrize(("held", "said"), [(1, "1 host held"), (3, "3 hosts held")])
def test_what_is_held_is_never_silent(held: int, said: str) -> None:
    assert f"{said} for a person" in say(replace(CALM, held=held)).text


def test_a_pause_is_named_with_who_set_it() -> None:
    assert say(replace(CALM, paused="amelie")).text == "Automation paused by amelie."


@given(
    st.builds(
        Standing,
        hosts=st.integers(0, 50),
        lost=st.dictionaries(st.sampled_from(["PAR1", "OSU2"]), st.integers(0, 5)),
        unseen=st.integers(0, 5),
        wanted=st.integers(0, 30),
        answering=st.integers(0, 30),
        arriving=st.integers(0, 5),
        unseen_containers=st.integers(0, 5),
        held=st.integers(0, 5),
        paused=st.sampled_from(["", "amelie"]),
        blind=st.sampled_from(["", "no digests"]),
        is_watched=st.sampled_from([True, False, None]),
    )
)
def test_calm_words_mean_calm_facts(now: Standing) -> None:
    said = say(now)
    assert said.text.endswith(".")
    if "All " in said.text or "The one host answers" in said.text:
        assert not any([now.blind, now.unseen, now.held, now.unseen_containers, now.paused])
        assert not any(now.lost.values())
        assert now.is_watched is True
        assert now.answering >= now.wanted
        assert said.tone == ""


def test_a_backup_promise_that_is_not_kept_is_in_the_sentence() -> None:
    said = say(replace(CALM, promises=2))
    assert said.text == "2 backup promises not kept."
    assert said.tone == "risk"


def test_standbys_that_are_new_are_told_without_alarm() -> None:
    said = say(replace(CALM, databases=Databases(all=5, settling=4)))
    assert said.text == (
        "All 12 hosts answer. 20 containers run. "
        "5 databases serve, 4 have standbys too new to take over."
    )
    assert said.tone == ""


def test_standbys_that_are_new_do_not_stand_beside_a_loss_as_if_they_were_one() -> None:
    said = say(replace(CALM, lost={"PAR1": 1}, databases=Databases(all=5, settling=1)))
    assert said.text == "1 host lost in PAR1."
    assert "1 has a standby too new to take over." in said.after
