"""Who is led to a question, what their answer is to, and what its page says is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from dashboard.panels import draw
from dashboard.permissions import Role
from dashboard.screen import Screen
from recovery.drp.approvals.facts import LIFE_SECONDS
from recovery.drp.models import Ask
from recovery.drp.plan import Quote
from recovery.drp.views.asks import quote_line, view_ask
from recovery.drp.views.losses import LossLine
from recovery.inventory.models import Host
from tests.actions.drp.ground import Ground
from tests.dashboard.drp.conftest import Desk, Enter, text
from tests.dashboard.drp.test_approve import desk
from tests.support.fleet import NOW, lose


def test_an_answer_that_is_replayed_on_another_question_is_told_in_words(
    ground: Ground, enter: Enter
) -> None:
    ground.begin()
    ground.look()
    old = Desk(ground, enter("bruno"), "bruno", "tell")
    old.read()
    ground.say("tell", "bruno")
    ground.look()
    ground.look()
    other = Desk(ground, enter("chloe"), "chloe", "fence")
    other.seen = old.seen
    refused = other.approve()
    assert refused.status_code == 409
    page = text(refused)
    assert f"answers another question. This one is “Fence” of {ground.run}." in page
    assert "→" not in page


def test_who_can_have_no_answer_is_led_to_none(ground: Ground, enter: Enter) -> None:
    desk(ground, enter, "amelie")
    led = {who: Desk(ground, enter(who), who, "fence").read() for who in ("amelie", "bruno")}
    assert "Go to your answer" in led["bruno"]
    assert "Go to your answer" not in led["amelie"]
    assert "Waits for 2 more people" in led["amelie"]
    ground.say("fence", "bruno")
    assert "Go to your answer" not in Desk(ground, enter("bruno"), "bruno", "fence").read()


def test_only_a_promotion_is_said_to_pause_the_run_for_what_it_would_lose(
    ground: Ground, enter: Enter
) -> None:
    for name in ("par1-r1-h1", "par1-r2-h1"):
        lose(Host.objects.get(name=name))
    page = desk(ground, enter, "bruno", "promote").read()
    assert "A promotion that would lose more than 5 s beyond it pauses the run." in page
    bare = Quote("d", "orders", "replica 2 in OSU2", "2026-11-23T03:00:00Z", lost_ms=40_000)
    found = view_ask(ground.ask("promote").pk, "bruno")
    assert found is not None
    assert found.promotes
    restored = replace(found, quotes=(quote_line(bare),))
    assert not restored.promotes
    same = LossLine("orders", timedelta(seconds=40), False, NOW, "replica 2 in OSU2")
    (row,) = replace(restored, losses=(same,)).loss_rows
    assert row.decided is None, "one loss stands once"
    worse = replace(same, lost=timedelta(minutes=31))
    alone = replace(same, database="ident")
    first, last = replace(restored, losses=(worse, alone)).loss_rows
    assert (first.decided, first.quote) == (worse, quote_line(bare))
    assert (last.name, last.quote, last.decided) == ("ident", None, alone)


def test_a_page_that_stays_open_says_that_its_question_is_over_and_leads_to_the_new_one(
    ground: Ground,
) -> None:
    ground.begin()
    ground.until("fence")
    old = ground.ask("fence")
    topic = f"ask-state:{old.pk}/bruno"
    assert "data-over" not in draw(topic, Screen(Role.APPROVER))
    ground.look(LIFE_SECONDS)
    shown = draw(topic, Screen(Role.APPROVER))
    assert "data-over" in shown, "what only an open question has is hidden by it"
    (new,) = Ask.objects.filter(step=old.step, state="open")
    assert f'<a href="/recovery/approve/{new.pk}/">read the new question</a>' in shown


def test_what_takes_over_is_shown_as_it_is_now_beside_what_was_signed(
    ground: Ground, enter: Enter
) -> None:
    bruno = desk(ground, enter, "bruno")
    assert "OSU2 answers: both its hosts." in bruno.read()
    lose(Host.objects.filter(datacenter__name="OSU2").order_by("name")[0])
    page = bruno.read()
    assert "Situation now" in page
    assert "OSU2 answers: both its hosts." not in page
