"""Only the holder of the current epoch commits (I-CP-1)."""

from __future__ import annotations

import pytest

from recovery.core import control
from recovery.core.errors import NotLeader
from tests.support.fleet import NOW, lose, make_fleet

pytestmark = pytest.mark.django_db


def test_a_paused_ex_leader_cannot_commit() -> None:
    host = make_fleet().hosts["par1-r1-h1"]
    old = control.take_lead("a", seen_epoch=0, now=NOW)
    assert old == 1
    assert control.take_lead("b", seen_epoch=1, now=NOW) == 2
    with pytest.raises(NotLeader), control.deciding(old):
        lose(host)
    host.refresh_from_db()
    assert host.verdict == "alive"
    assert not control.beat(old)


def test_of_two_that_see_the_same_silence_one_takes_over() -> None:
    assert control.take_lead("a", seen_epoch=0, now=NOW) == 1
    assert control.take_lead("b", seen_epoch=0, now=NOW) is None


def test_a_watch_takes_over_only_what_stood_still_on_its_own_clock() -> None:
    watch = control.Watch()
    assert not watch.may_take((1, 1), now=10.0)
    assert not watch.may_take((1, 1), now=11.9)
    assert not watch.may_take((1, 2), now=12.5)
    assert watch.may_take((1, 2), now=14.5)


def test_a_lead_that_goes_round_is_left_for_longer_and_a_calm_one_is_not() -> None:
    """Two who take it from each other every two seconds would never come to a decision."""
    watch = control.Watch()
    assert not watch.may_take((1, 1), now=0.0)
    assert watch.may_take((1, 1), now=2.0)
    watch.note_epoch(2, 2.0)
    watch.step_down()
    assert not watch.may_take((3, 1), now=5.0), "another took it from us"
    assert not watch.may_take((3, 1), now=8.9)
    assert watch.may_take((3, 1), now=9.0), "after twice as long"
    watch.note_epoch(4, 9.0)
    watch.step_down()
    assert not watch.may_take((5, 1), now=12.0)
    assert not watch.may_take((5, 1), now=17.9)
    assert watch.may_take((5, 1), now=18.0), "and never later than T_lead"
    assert not watch.may_take((5, 2), now=60.0)
    assert watch.may_take((5, 2), now=62.0), "half a minute of calm, and it is as at first"
