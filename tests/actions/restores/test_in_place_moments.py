"""The moment to which a database goes back in its own place: what people may ask for, and see."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recovery.core.errors import Refused
from tests.actions.restores.ground import OPENS, POINT
from tests.actions.restores.ground import see as look
from tests.actions.restores.test_in_place import TO, make_serving

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("to", "words"),
    [
        (POINT + timedelta(seconds=1), "goes to 23 Nov 03:06:20 UTC and no further; that is the"),
        (OPENS - timedelta(seconds=1), "begins at 22 Nov 21:07:00 UTC; the newest moment"),
    ],
)
def test_a_moment_outside_the_window_is_refused_with_the_newest(to: object, words: str) -> None:
    ground = make_serving()
    with pytest.raises(Refused, match=words) as refused:
        ground.ask(in_place=True, to=to)
    assert "newest moment that can be restored" in str(refused.value)
    assert str(refused.value).count("23 Nov 03:06:20 UTC") == 1


def test_a_moment_of_which_nothing_tells_what_was_served_is_refused_with_both_neighbours() -> None:
    ground = make_serving()
    last, first = TO - timedelta(seconds=7), TO + timedelta(milliseconds=1300)
    look({1: POINT, 2: POINT}, cuts=((last, first),))
    words = (
        r"another history there\. The newest moment before is 23 Nov 03:03:13 UTC, the first after"
        r" it is 23 Nov 03:03:22 UTC\."
    )
    with pytest.raises(Refused, match=words):
        ground.ask(in_place=True, to=TO)
    assert ground.ask(in_place=True, to=last).to == last


def test_both_people_see_the_part_of_a_second_that_one_of_them_wrote() -> None:
    ground = make_serving()
    asked = ground.ask(in_place=True, to=TO + timedelta(milliseconds=123))
    assert "acknowledged after 23 Nov 03:03:20.123 UTC, and all" in asked.vouch.risk
