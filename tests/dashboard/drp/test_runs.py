"""A run's page and its buttons: each does what it says, or is not there, or says why not."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from dashboard.acts.runs import DONE
from dashboard.panels import draw
from dashboard.permissions import Role
from dashboard.screen import Screen
from dashboard.views.drp.runs import SAYS
from recovery.drp.facts import Mode, RunState
from recovery.drp.press import Press
from recovery.drp.queries.promises import promised
from recovery.drp.sights import Heard
from tests.actions.drp.drills.ground import drill_host
from tests.actions.drp.ground import Ground
from tests.dashboard.drp.conftest import Enter, text
from tests.dashboard.drp.test_approve import move_on
from tests.dashboard.fleet import plain


def panel(ground: Ground, part: str, role: Role = Role.RESPONDER) -> str:
    return plain(draw(f"run-{part}:{ground.run.number}", Screen(role)))


def path(ground: Ground, verb: str = "", step: str = "") -> str:
    parts = (part for part in (verb, step) if part)
    return f"/recovery/runs/{ground.run.number}/" + "".join(f"{part}/" for part in parts)


def test_its_page_leads_from_the_start_to_the_end(ground: Ground, enter: Enter) -> None:
    ground.prepare()
    client = enter("amelie")
    page = text(client.get(path(ground)))
    assert "PAR1 into OSU2 is prepared. Nobody has started it." in page
    assert "Disaster: production" in page
    assert f"Start {ground.run}…" in page
    wrong = client.post(path(ground, "start"), {"reason": "It burns.", "typed": "OSU2"})
    assert wrong.status_code == 422
    assert "This is not PAR1; nothing was done." in text(wrong)
    done = client.post(path(ground, "start"), {"reason": "It burns.", "typed": "PAR1"})
    assert done.status_code == 302
    ground.look()
    assert "waits for a yes: Tell." in panel(ground, "voice")
    following = panel(ground, "next")
    assert "bruno or chloe or dora or 1 more:" not in following, "who wrote it is not asked"
    assert "bruno or chloe or dora:" in following
    assert "approve “Tell”" in following
    ground.until("")
    for _ in range(4):
        ground.look()
    assert "PAR1 into OSU2 is done." in panel(ground, "voice")
    assert "It is over: nobody has anything to do." in panel(ground, "next")
    assert "2 of 2 done, in 2 waves" in panel(ground, "steps")


@pytest.mark.parametrize("verb", ["pause", "abort"])
def test_what_runs_is_paused_resumed_and_aborted_with_a_reason(
    ground: Ground, enter: Enter, verb: str
) -> None:
    ground.begin()
    client = enter("amelie")
    assert client.post(path(ground, verb), {"reason": ""}).status_code == 422
    assert client.post(path(ground, verb), {"reason": "Wait."}).status_code == 302
    wanted = {"pause": RunState.PAUSED, "abort": RunState.ABORTING}
    assert ground.run.state == wanted[verb]
    if verb == "pause":
        assert "amelie: Wait." in panel(ground, "voice")
        client.post(path(ground, "resume"), {"reason": "Go on."})
        assert ground.run.state == RunState.RUNNING
    refused = client.post(path(ground, "withdraw"), {"reason": "No."}, headers={"HX-Request": "1"})
    assert refused.status_code == 409
    assert "abort it." in text(refused)
    plain_post = client.post(path(ground, "withdraw"), {"reason": "I meant another."})
    assert plain_post.status_code == 409, "as with a script"
    assert "abort it." in text(plain_post)
    assert 'value="I meant another."' in text(plain_post), "what was typed is kept"


def test_an_aborted_run_says_of_no_step_that_it_goes_on(ground: Ground, enter: Enter) -> None:
    ground.begin()
    ground.look()
    enter("amelie").post(path(ground, "abort"), {"reason": "No."})
    for _ in range(4):
        ground.look()
    assert ground.run.state == RunState.ABORTED
    steps = panel(ground, "steps")
    assert "never begun" in steps
    assert "to come" not in steps
    assert "under way since" not in steps
    assert "waits for" not in steps


def test_who_presses_start_twice_is_led_to_the_run(ground: Ground, enter: Enter) -> None:
    ground.prepare()
    client, there = enter("amelie"), path(ground, "start")
    told = {"reason": "It burns.", "typed": "PAR1"}
    assert client.post(there, told)["Location"] == path(ground)
    for again in (client.post(there, told), client.post(there, {}), client.get(there)):
        assert (again.status_code, again["Location"]) == (302, path(ground))
    assert "was started already" in text(client.get(path(ground)))


@pytest.mark.parametrize("who", ["vera", "nobody"])
def test_a_viewer_sees_it_and_presses_nothing(ground: Ground, enter: Enter, who: str) -> None:
    ground.begin()
    if who == "nobody":
        assert Client().post(path(ground, "abort"), {"reason": "x"}).status_code == 302
    else:
        client = enter("vera")
        assert client.get(path(ground)).status_code == 200
        assert client.post(path(ground, "abort"), {"reason": "Now."}).status_code == 403
        assert "btn" not in panel(ground, "next", Role.VIEWER)
    assert ground.run.state == RunState.RUNNING


def test_an_unknown_outcome_waits_for_a_persons_word(ground: Ground, enter: Enter) -> None:
    ground.hand.outcome = Heard.UNKNOWN
    ground.begin()
    ground.look()
    steps = panel(ground, "steps")
    assert "nobody knows how it ended" in steps
    assert "waits for a person’s word: Freeze." in panel(ground, "voice")
    assert "Nobody knows it of Freeze: look at the target itself." in panel(ground, "next")
    assert "Say of Freeze…" in steps
    assert "Say of" not in panel(ground, "steps", Role.VIEWER)
    key = ground.step("freeze").acts.get().key
    client = enter("amelie")
    there = f"{path(ground, 'tell', 'freeze')}?key={key}"
    page = text(client.get(there))
    assert "Look at the target itself before you say anything" in page
    assert client.post(there, {"reason": "I looked."}).status_code == 422, "done or not?"
    assert client.post(there, {"reason": "I looked.", "ended": "done"}).status_code == 302
    act = ground.step("freeze").acts.get()
    assert (act.state, act.by_word) == ("done", "amelie")


def test_what_failed_is_tried_again_or_skipped_by_an_approver(ground: Ground, enter: Enter) -> None:
    ground.begin()
    ground.until("tell")
    ground.hand.outcome = Heard.FAILED
    ground.say("tell", "bruno")
    for _ in range(3):
        ground.look()
    assert ground.run.state == RunState.PAUSED
    assert "Retry “Tell”…" in panel(ground, "steps")
    assert "Skip “Tell”…" not in panel(ground, "steps"), "that takes an approver"
    assert "Skip “Tell”…" in panel(ground, "steps", Role.APPROVER)
    assert "retry it, skip it or abort first" in panel(ground, "next"), "why it is not resumed"
    assert "cannot be resumed now" in panel(ground, "next")
    assert not re.search(r'class="btn[^>]*>Resume', panel(ground, "next")), "nothing to press"
    why = text(enter("amelie").get(path(ground, "resume")))
    assert "retry it, skip it or abort first" in why
    assert 'name="reason"' not in why, "no form is offered that would be refused"
    told = enter("amelie").post(path(ground, "resume"), {"reason": "Go on."})
    assert (told.status_code, ground.run.state) == (409, RunState.PAUSED)
    assert "Skip: bruno or chloe or dora or emil" in panel(ground, "steps")
    assert "retry “Tell”." in panel(ground, "next"), "what they may"
    assert "or skip “Tell”" not in panel(ground, "next")
    for way in ({}, {"HX-Request": "1"}):
        refused = enter("amelie").post(path(ground, "skip", "tell"), {"reason": "No."}, headers=way)
        assert refused.status_code == 403
        assert "takes the role approver" in text(refused)
    page = enter("amelie").get(path(ground, "skip", "tell"))
    assert page.status_code == 403
    assert "Who may: bruno or chloe or dora or emil." in text(page)
    assert 'name="reason"' not in text(page), "no form is offered that would be refused"
    assert 'name="reason"' in text(enter("bruno").get(path(ground, "skip", "tell")))
    client = enter("amelie")
    assert client.post(path(ground, "retry", "tell"), {"reason": "x y"}).status_code == 302
    assert ground.step("tell").round == 2
    assert "“Tell” is tried again." in text(client.get(path(ground, "pause"))), "by its title"


def test_every_press_has_its_words_and_an_undo_that_is_none_is_refused(
    ground: Ground, enter: Enter
) -> None:
    assert set(SAYS) == set(Press) == set(DONE)
    ground.begin()
    client = enter("bruno")
    assert "is not undone here" in text(client.get(path(ground, "undo", "tell")))
    refused = client.post(
        path(ground, "undo", "tell"), {"reason": "Back."}, headers={"HX-Request": "1"}
    )
    assert "is not undone here" in text(refused)


def test_addresses_of_nothing_are_not_found(ground: Ground, enter: Enter) -> None:
    ground.begin()
    client = enter("amelie")
    for wrong in (
        "/recovery/runs/999/",
        path(ground, "explode"),
        path(ground, "retry"),
        path(ground, "pause", "tell"),
        path(ground, "retry", "nothing"),
        "/recovery/approve/00000000-0000-0000-0000-000000000000/",
    ):
        assert client.get(wrong).status_code == 404, wrong


def test_a_drill_wears_its_mode_on_every_screen(ground: Ground, enter: Enter) -> None:
    ground.prepare(Mode.SIMULATION)
    assert 'data-mode="simulation"' in panel(ground, "voice")
    assert "Simulation: nothing is done" in panel(ground, "voice")
    page = text(enter("amelie").get(path(ground, "start")))
    assert "Simulation: nothing is done" in page
    assert "Type PAR1" not in page, "nothing is touched"


def test_a_drill_says_where_it_is_carried_out_and_wears_its_watermark(
    ground: Ground, enter: Enter
) -> None:
    ground.prepare(Mode.DRILL)
    shown = panel(ground, "drill")
    assert ">DRILL<" in shown
    assert "There is no host for drills." in shown
    drill_host()
    assert "drill-1" in text(enter("vera").get("/recovery/runs/"))
    assert "not heard" in panel(ground, "drill")
    ground.prepare()
    assert ">DRILL<" not in panel(ground, "drill")


def test_a_drifted_run_is_not_started_and_says_why(ground: Ground, enter: Enter) -> None:
    ground.prepare()
    move_on("ident")
    following = panel(ground, "next")
    assert "What was shown is not so any more." in following
    assert f"Start {ground.run}…" not in following
    assert f"Withdraw {ground.run}…" in following
    assert enter("amelie").post(path(ground, "withdraw"), {"reason": "Anew."}).status_code == 302
    assert ground.run.state == RunState.ABORTED


def test_of_a_run_that_drifted_on_its_way_the_first_press_is_the_one_that_is_taken(
    ground: Ground,
) -> None:
    ground.begin()
    move_on("ident")
    for _ in range(4):
        ground.look()
    assert ground.run.state == RunState.PAUSED
    following = panel(ground, "next")
    assert (
        f'<a class="btn main" href="{path(ground, "abort")}">Abort {ground.run}…</a>' in following
    )
    assert "the same is planned anew from its page" in following
    assert following.count("btn main") == 1


def test_runs_stand_in_a_list_and_on_their_datacenters_page(ground: Ground, enter: Enter) -> None:
    assert "No runbook was run here yet." in text(enter("vera").get("/recovery/runs/"))
    ground.begin()
    for where in ("/recovery/runs/", "/recovery/", "/recovery/PAR1/"):
        assert f">{ground.run}</a>" in text(enter("vera").get(where)), where
    assert f">{ground.run}</a>" not in text(enter("vera").get("/recovery/OSU2/"))


def test_somebody_else_takes_over_and_two_who_start_start_one(ground: Ground, enter: Enter) -> None:
    ground.prepare()
    told = {"reason": "It burns.", "typed": "PAR1"}
    assert enter("amelie").post(path(ground, "start"), told).status_code == 302
    second = enter("bruno").post(path(ground, "start"), told, headers={"HX-Request": "1"})
    assert second.status_code == 409
    assert "somebody was first" in text(second)
    twice = enter("amelie").post(path(ground, "start"), told, headers={"HX-Request": "1"})
    assert twice.status_code == 409
    assert "You have started it already. Nothing was changed." in text(twice)
    assert enter("bruno").post(path(ground, "pause"), {"reason": "Mine."}).status_code == 302
    assert Press.PAUSE in ground.run.state_reason or "bruno: Mine." in ground.run.state_reason


def test_every_panel_of_a_run_is_a_function_of_rows_and_role(ground: Ground) -> None:
    ground.begin()
    ground.until("promote")
    number, ask = ground.run.number, ground.ask("promote").pk
    topics = [f"run-{part}:{number}" for part in ("voice", "next", "steps", "promises", "facts")]
    for topic in (*topics, f"ask-state:{ask}", "asked", "runs"):
        for role in Role:
            first, second = draw(topic, Screen(role)), draw(topic, Screen(role))
            assert first == second
            assert first.count(f'id="p-{topic.partition(":")[0]}"') == 1
            assert "<form" not in first
    for nobodys in ("run-voice:999", "run-steps:x", "ask-state:x", f"ask-state:{ground.run.pk}"):
        assert "hidden" in draw(nobodys, Screen(Role.ADMIN))


def test_what_was_told_of_a_promise_stands_once_and_stays_true_after_the_yes(
    ground: Ground,
) -> None:
    ground.begin()
    ground.look()
    ground.look(promised(ground.run)[0].rto * 0.6)
    then = "When this was told it waited for one more person of role approver."
    promises = panel(ground, "promises")
    assert then in promises
    assert promises.count(then) == promises.count("% of the time promised for")
    assert "50 % of the time promised for" in panel(ground, "voice")
    assert then not in panel(ground, "voice"), "it stands below"


def test_a_press_that_the_runs_state_refuses_has_no_form(ground: Ground, enter: Enter) -> None:
    ground.begin()
    client = enter("amelie")
    for verb, why in (("withdraw", "abort it."), ("resume", "and not paused.")):
        page = text(client.get(path(ground, verb)))
        assert (why in page, 'name="reason"' in page) == (True, False), verb
    assert 'name="reason"' in text(client.get(path(ground, "abort")))
    client.post(path(ground, "abort"), {"reason": "No."})
    page = text(client.get(path(ground, "abort")))
    assert ("there is nothing to abort" in page, 'name="reason"' in page) == (True, False)
