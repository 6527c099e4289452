"""Nobody is safe by Tocsin's rules: it rings, people choose who leads, and writes go on."""

from __future__ import annotations

import pytest

from tests.failovers.account import accounting
from tests.failovers.choosing import Page, entries, restart_standby, rung
from tests.failovers.telling import Bases, now
from tests.stories.telling import diary
from tests.support.running import wait_for
from tests.support.stack import stopwatch

WORD = "promoted on a person's word"
WHY = "Its host burns."


@pytest.mark.timeout(600)
def test_one_person_promotes_a_standby_that_is_too_new_while_the_leader_is_killed(
    bases: Bases,
) -> None:
    """All its writes are there, and only time is against it, which never fills any more."""
    name = "orders-pg"
    bases.prove(name)
    bases.allow(name)
    old, new, epoch = bases.host_of(name), bases.host_of(name, "standby"), bases.one(name, "epoch")
    with accounting(bases, name):
        restart_standby(bases, name)
        since, began = now(), stopwatch()
        bases.stack.lab("kill", host=old)
        wait_for(lambda: rung(bases, name, since), 60)
        refused = stopwatch()
        assert f"Choose who leads {name}" in bases.read("/", "responder")
        page = Page(bases, name, "responder")
        form = page.open()
        assert bases.failover(name)["phase"] == "analyse", "nothing is done by itself"
        assert "it is promoted as soon as" in page.press(form, WHY)
        pressed = stopwatch()
        again = page.press(form, WHY)
        assert f"responder promotes {new} already" in again, "twice pressed"
        wait_for(lambda: bases.failover(name)["phase"] != "analyse", 30)
        bases.stack.kill(bases.stack.leader())
        killed_in = bases.failover(name)["phase"]
        wait_for(lambda: bases.waited(name, since) is not None, 90)
        written = stopwatch()
    waited = bases.waited(name, since)
    assert waited is not None
    diary(
        f"{name}: {old} lost; rung after {refused - began:.1f} s, pressed at {pressed - began:.1f},"
        f" the leader killed in {killed_in}, written again at {written - began:.1f}"
        f" ({waited.seconds:.1f} s without a write);"
    )
    assert (bases.host_of(name), waited.lost) == (new, 0)
    assert bases.one(name, "epoch") > epoch
    assert bases.failover(name)["proof"]["kind"] == "lease-ended", "a word is no proof"
    assert entries(bases, WORD, since) == [("responder", WHY)], "and said once"
    number = rung(bases, name, since)
    _is_over(bases, name, old, number[1] if number else 0)
    assert bases.missing(name) == set()


@pytest.mark.timeout(600)
def test_two_people_promote_what_lacks_acknowledged_writes_and_it_is_what_they_were_told(
    bases: Bases,
) -> None:
    """Its host was away when its primary's was lost: what was written meanwhile is gone."""
    name = "town-pg"
    bases.prove(name)
    bases.allow(name)
    old, new, gone = bases.host_of(name), bases.host_of(name, "standby"), bases.missing(name)
    with accounting(bases, name):
        bases.stack.lab("kill", host=new)
        seen = bases.acknowledged(name)
        wait_for(lambda: bases.acknowledged(name) > seen + 20)
        since, began = now(), stopwatch()
        bases.stack.lab("kill", host=old)
        bases.stack.lab("restart", host=new)
        first, second = Page(bases, name, "responder"), Page(bases, name, "approver")
        wait_for(lambda: "two people" in first.read(), 90)
        assert rung(bases, name, since) is not None
        offered = stopwatch()
        form = first.open()
        assert "Nothing happens before a second person" in first.press(form, WHY)
        said = first.press(form, "I say it twice.")
        assert entries(bases, WORD, since) == [], f"one person is not two: {said[:600]}"
        shown = second.read()
        assert "it is promoted as soon as" in second.press(second.open(), "I see it, too.")
        pressed = stopwatch()
        wait_for(lambda: bases.waited(name, since) is not None, 90)
        written = stopwatch()
    lost = bases.missing(name) - gone
    diary(
        f"{name}: {old} lost; offered after {offered - began:.1f} s, two words at"
        f" {pressed - began:.1f}, written again at {written - began:.1f}; {len(lost)} writes lost;"
        f" they read: {shown[:1500]}"
    )
    assert bases.host_of(name) == new
    quote = bases.failover(name)["loss"]
    assert len(lost) > 0
    assert quote["bound"] is None or len(lost) <= 10 * quote["bound"] + 1
    assert entries(bases, WORD, since) == [("approver", "I see it, too.")]
    number = rung(bases, name, since)
    _is_over(bases, name, old, number[1] if number else 0)


def _is_over(bases: Bases, name: str, old: str, incident: int) -> None:
    """The old host returns, follows, and what rang is over."""
    bases.stack.lab("restart", host=old)
    wait_for(lambda: bases.host_of(name, "standby") == old, 90)
    bases.settle(name)
    sql = "SELECT state FROM incidents_incident WHERE number = %s"
    wait_for(lambda: bases.stack.rows(sql, incident) == [("resolved",)], 60)
    assert not [key for key, state in bases.stack.alarms() if state != "ended"]
