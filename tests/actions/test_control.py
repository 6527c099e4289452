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
