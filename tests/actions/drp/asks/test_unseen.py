"""While Tocsin does not see, or what takes over is lost, no yes counts; an abort asks nothing."""

from __future__ import annotations

import pytest
from django.db import transaction

from recovery.audit.models import AuditEntry
from recovery.core import transitions
from recovery.core.errors import Conflict
from recovery.detection.actions import go_blind, see_again
from recovery.drp.facts import RunState
from recovery.drp.models import Approval, ApprovalUse
from recovery.drp.press import Press
from recovery.inventory.models import Host
from tests.actions.drp.ground import Ground
from tests.support.fleet import BY, NOW, lose

WHY = "Only 2 of 6 hosts are heard."


def lose_osu2() -> None:
    for host in Host.objects.filter(datacenter__name="OSU2"):
        lose(host)


def test_while_tocsin_is_blind_a_yes_is_refused_a_no_is_not(asked: Ground) -> None:
    go_blind(reasons=[WHY], actor=BY, now=NOW)
    with pytest.raises(Conflict, match=r"does not see.*Nothing is heard now of both hosts of OSU2"):
        asked.say("fence", "chloe")
    asked.look()
    assert asked.ask("fence").state == "open"
    assert Approval.objects.filter(ask=asked.ask("fence")).count() == 1
    asked.say("fence", "chloe", yes=False)


def test_a_no_pauses_the_run_while_tocsin_is_blind_and_nothing_else_of_it_moves(
    asked: Ground,
) -> None:
    go_blind(reasons=[WHY], actor=BY, now=NOW)
    asked.say("fence", "chloe", yes=False)
    before = asked.acts()
    asked.cycle.carry_on(actor=asked.actor, now=asked.now, monotonic=asked.mono, hold=WHY)
    assert (asked.run.state, asked.step("fence").state) == ("paused", "pending")
    assert "chloe said no: It comes back." in asked.run.state_reason
    assert asked.ask("fence").state == "denied"
    assert asked.acts() == before


def test_the_same_yes_is_taken_once_tocsin_sees_again(asked: Ground) -> None:
    go_blind(reasons=[WHY], actor=BY, now=NOW)
    see_again(actor=BY, now=NOW)
    asked.say("fence", "chloe")
    asked.look()
    assert asked.step("fence").state == "done"


def test_a_yes_given_before_is_void_when_what_takes_over_is_seen_to_be_lost(
    asked: Ground,
) -> None:
    go_blind(reasons=[WHY], actor=BY, now=NOW)
    ask = asked.ask("fence")
    see_again(actor=BY, now=NOW)
    lose_osu2()
    with pytest.raises(Conflict, match="OSU2, which takes over, looks lost: 2 of 2 hosts"):
        asked.say("fence", "chloe")
    asked.look()
    ask.refresh_from_db()
    assert ask.state == "void"
    assert "OSU2, which takes over, looks lost" in ask.end_reason
    assert asked.run.state == "paused"
    assert not ApprovalUse.objects.filter(approval__ask=ask).exists()


def test_half_of_what_takes_over_is_no_loss_of_it(asked: Ground) -> None:
    lose(Host.objects.filter(datacenter__name="OSU2").order_by("-name")[0])
    asked.say("fence", "chloe")
    asked.look()
    assert asked.step("fence").state == "done"


@pytest.mark.parametrize("is_blind", [False, True])
def test_an_abort_withdraws_what_is_asked_at_once(asked: Ground, is_blind: bool) -> None:
    if is_blind:
        go_blind(reasons=[WHY], actor=BY, now=NOW)
    ask = asked.ask("fence")
    asked.press(Press.ABORT, reason="PAR1 is back.")
    ask.refresh_from_db()
    said = "The run was aborted: amelie: PAR1 is back."
    assert (ask.state, ask.end_reason) == ("void", said)
    assert asked.step("fence").state == "pending"
    entry = AuditEntry.objects.filter(object_id=str(ask.pk)).latest("id")
    assert entry.body["reason"] == said
    with pytest.raises(Conflict, match="That question is over"):
        asked.say("fence", "chloe")


def test_a_run_that_comes_to_rest_asks_nothing_whoever_aborted_it(asked: Ground) -> None:
    """By the engine, or before an abort withdrew what was asked."""
    with transaction.atomic():
        transitions.move(asked.run, RunState.ABORTING, actor=BY, reason="It failed.", now=NOW)
    asked.look()
    assert asked.run.state == "aborted"
    assert asked.ask("fence").state == "void"
    assert asked.step("fence").state == "pending"
