"""Words that people give a run, each through the door by which it comes: a report, a yes, a word
on what nobody knows."""

from __future__ import annotations

import pytest
from django.core.management import CommandError

from recovery.core.clock import ManualClock
from recovery.drp.facts import ActState
from recovery.drp.models import Act
from recovery.drp.sights import Heard
from tests.actions.drp.ground import Ground
from tests.actions.drp.test_carrying import looks
from tests.dashboard.drp.conftest import Desk, Enter, text
from tests.dashboard.drp.test_machines import command, post
from tests.dashboard.drp.test_owners import begin
from tests.dashboard.drp.test_runs import panel

DID = "I lifted it at 10:07."


@pytest.fixture
def by_hand(ground: Ground) -> Act:
    """A manual step of the approvers is open."""
    clock = ManualClock(ground.now)
    begin(ground, clock, [""])
    looks(ground, clock, 5)
    return Act.objects.get(step=ground.step("hand"))


def test_a_report_through_the_api_needs_no_key_and_takes_no_wrong_one(
    ground: Ground, enter: Enter, by_hand: Act
) -> None:
    client, there = enter("bruno"), f"runs/{ground.run.number}/report"
    shown = client.get(f"/api/drp/runs/{ground.run.number}").json()
    (item,) = next(one for one in shown["steps"] if one["id"] == "hand")["items"]
    assert item["key"] == by_hand.key, "where a caller finds it"
    wrong = post(client, there, reason=DID, step="hand", key=f"{by_hand.key}0")
    assert wrong.status_code == 409
    assert "nobody is asked to do it now" in wrong.json()["detail"]
    early = post(client, there, reason=DID, step="see")
    assert "is not done by hand" in early.json()["detail"]
    assert post(client, there, reason=DID).json()["field"] == "step"
    assert post(client, there, reason=DID, step="hand").status_code == 200
    by_hand.refresh_from_db()
    assert (by_hand.state, by_hand.by_word, by_hand.said) == ("done", "bruno", f"bruno: {DID}")
    again = post(client, there, reason=DID, step="hand")
    assert again.status_code == 409, "once"


def test_a_report_on_the_command_line_is_its_owners_with_what_they_wrote(
    ground: Ground, by_hand: Act
) -> None:
    told = ("report", str(ground.run.number), "hand", "--reason", DID)
    with pytest.raises(CommandError, match="by the role approver"):
        command(*told, "--by", "amelie")
    with pytest.raises(CommandError, match="takes the role responder"):
        command(*told, "--by", "vera")
    with pytest.raises(CommandError, match="nobody is asked to do it now"):
        command(*told, "--by", "bruno", "--key", "x")
    with pytest.raises(CommandError, match="There is no step hands"):
        command("report", str(ground.run.number), "hands", "--reason", DID, "--by", "bruno")
    by_hand.refresh_from_db()
    assert by_hand.state == ActState.INTENDED
    assert command(*told, "--by", "bruno").strip() == "“Thaw” is done, with what you wrote down."
    by_hand.refresh_from_db()
    assert (by_hand.state, by_hand.said) == ("done", f"bruno: {DID}")


def test_how_something_ended_is_told_of_an_act_by_its_key_or_the_key_is_missing(
    ground: Ground, enter: Enter
) -> None:
    ground.hand.outcome = Heard.UNKNOWN
    ground.begin()
    ground.look()
    client, there = enter("amelie"), f"runs/{ground.run.number}/tell"
    told = {"reason": "I looked.", "step": "freeze", "was_done": True}
    missing = post(client, there, **told)
    assert (missing.status_code, missing.json()["field"]) == (400, "key")
    assert missing.json()["detail"] == "The key of the act is missing: Freeze has 1 open act."
    assert "hold the key of each" in missing.json()["todo"]
    key = ground.step("freeze").acts.get().key
    assert post(client, there, **told, key=key).status_code == 200
    assert ground.step("freeze").acts.get().state == ActState.DONE


def test_who_has_said_yes_reads_that_it_is_in_and_whom_it_waits_for(
    ground: Ground, enter: Enter
) -> None:
    ground.begin()
    ground.until("fence")
    bruno, chloe = (Desk(ground, enter(who), who, "fence") for who in ("bruno", "chloe"))
    assert "data-yours" not in panel(ground, "next")
    bruno.read()
    assert bruno.approve().status_code == 302
    page = bruno.read().replace("<b>", "").replace("</b>", "")
    assert "Your yes is in (1 of 2). It waits for chloe or dora." in page
    assert "Approve: Fence" not in page
    assert "Your yes is in" not in chloe.read()
    following = text(enter("bruno").get(f"/recovery/runs/{ground.run.number}/"))
    assert 'data-yours="bruno"' in following
    assert "(1 of 2); waits for chloe or dora." in following.replace("</b>", "")
    assert "bruno said yes (1 of 2)." in following
    assert 'data-yours="chloe"' not in following
    waiting = enter("amelie").get(f"/api/drp/runs/{ground.run.number}").json()["waits_for"]
    assert [one["people"] for one in waiting] == [["chloe", "dora"]]
