"""A fence that is done is shown as proven only where it was."""

from __future__ import annotations

import pytest

from recovery.drp.proven import tell_proven, unproven_word


@pytest.mark.parametrize(
    ("said", "by_word", "word"),
    [
        (tell_proven(2, 2), False, ""),
        (tell_proven(0, 2), False, "done, not proven (2)"),
        (f"bruno: it is dark. {tell_proven(1, 2)}", True, "done, not proven (1)"),
        (f"bruno: it is dark. {tell_proven(2, 2)}", True, ""),
        ("bruno: it is dark.", True, "done, not proven"),
        ("It was done.", False, ""),
    ],
)
def test_a_fence_that_is_done_says_what_it_did_not_prove(
    said: str, by_word: bool, word: str
) -> None:
    assert unproven_word("fence_datacenter", "done", said, by_word=by_word) == word


def test_nothing_else_is_called_unproven() -> None:
    assert not unproven_word("fence_datacenter", "begun", tell_proven(0, 2), by_word=False)
    assert not unproven_word("manual", "done", tell_proven(0, 2), by_word=True)
