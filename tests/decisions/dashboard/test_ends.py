"""Where a sentence ends, and how it begins, when other words stand beside it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.template.loader import render_to_string

from dashboard.templatetags.tocsin import ended, unended
from recovery.scheduling.screens import _begun


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("Works on the power", "Works on the power."),
        ("Works on the power. ", "Works on the power."),
        ("Why now?", "Why now?"),
        ("It said “out.”", "It said “out.”"),
        ("It said “out”", "It said “out”."),
        ("PAR1 burns (again)", "PAR1 burns (again)."),
        ("", ""),
    ],
)
def test_a_reason_is_ended_once(text: str, whole: str) -> None:
    assert ended(text) == whole


def test_a_sentence_that_goes_on_has_no_stop() -> None:
    assert unended("No host has disk=ssd.") == "No host has disk=ssd"
    assert unended("No host has disk=ssd") == "No host has disk=ssd"


@pytest.mark.parametrize(
    ("tries", "said"),
    [(1, "failed: No host has disk=ssd.<"), (3, "failed: No host has disk=ssd, try 3<")],
)
def test_an_act_that_was_tried_again_says_its_tries_within_its_sentence(
    tries: int, said: str
) -> None:
    item = SimpleNamespace(name="a", state="failed", said="No host has disk=ssd.", tries=tries)
    step = SimpleNamespace(state="failed", line=SimpleNamespace(id="move"), items=(item,))
    found = render_to_string("panels/run-steps.html", {"rows": [(step, [], ([item], 0))]})
    assert said in found


def test_the_name_of_a_host_is_written_as_it_is_where_a_sentence_begins() -> None:
    called = {"par1-a1", "alpha"}
    for reason in ("par1-a1 is lost", "alpha, it said, is full"):
        assert _begun(reason, called) == reason
    assert _begun("its last start failed", called) == "Its last start failed"
