"""With which code a page of recovery refuses: by the kind of refusal alone."""

from __future__ import annotations

import pytest

from dashboard.views.refusals import code_of
from recovery.core.errors import (
    Conflict,
    Forbidden,
    Missing,
    NotLeader,
    Refused,
    TocsinError,
    Unsure,
    WrongState,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Forbidden("amelie asked for it."), 403),
        (Missing("There is no DRP-0009."), 404),
        (WrongState("It is done already."), 409),
        (Conflict("Somebody was first."), 409),
        (Refused("Its signature does not hold."), 422),
        (Refused("It is past.", field="until"), 422),
        (Unsure("Nobody answered."), 504),
        (NotLeader("Another one leads."), 503),
    ],
)
def test_the_code_says_whether_it_is_about_who_what_or_when(error: TocsinError, code: int) -> None:
    assert code_of(error) == code
