"""The page on which a second person says yes or no, and who never can."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.contrib.auth.models import User
from django.db import transaction

from recovery.alarms.models import Alarm
from recovery.core import transitions
from recovery.drp.facts import Mode
from recovery.drp.models import Approval, BreakGlass
from recovery.drp.press import Press
from recovery.drp.queries.approvals import ends_of
from recovery.inventory.models import Database, Host
from tests.actions.drp import ground as staging
from tests.actions.drp.ground import Ground, short_runbook
from tests.dashboard.drp.conftest import Desk, Enter, text
from tests.support.fleet import BY, NOW, lose


def move_on(name: str) -> None:
    """Somebody fails it over meanwhile: its epoch rises."""
    row = Database.objects.get(name=name)
    with transaction.atomic():
        transitions.amend(
            row, {"epoch": row.epoch + 7}, action="moved", actor=BY, reason="Meanwhile.", now=NOW
        )


def desk(ground: Ground, enter: Enter, who: str, step: str = "fence") -> Desk:
    """`who` before the question of this step, which has just been asked."""
    ground.begin()
    ground.until(step)
    ground.look()
    return Desk(ground, enter(who), who, step)


def test_the_page_says_what_happens_to_what_what_is_lost_and_who_asked(
    ground: Ground, enter: Enter
) -> None:
    page = desk(ground, enter, "bruno", "promote").read()
    assert "amelie asks: Promote?" in page
    assert "disaster" in page
    assert "Point of no return.</b> There is no way back." in page
    for name in ("ident", "orders"):
        assert f'<span class="id">{name}</span>' in page
    assert "2 databases in 2 waves" in page
    assert "PAR1 burns." in page
    assert f"sha256 {ground.run.digest[:4]}" in page
    assert "Approve: Promote, 2 databases" in page
    assert "Asks for your passkey" in page
    assert "Approve with a code" not in page, "no code does for what cannot be taken back"


def test_what_nobody_can_prove_is_on_the_page_that_is_signed(ground: Ground, enter: Enter) -> None:
    for name in ("par1-r1-h1", "par1-r2-h1"):
        lose(Host.objects.get(name=name))
    page = desk(ground, enter, "bruno").read()
    assert "What you answer for" in page
    assert "orders-1 on par1-r1-h1 lives by no lease that could end" in page
    assert "2 doubts that you answer for" in page
    for who in ("bruno", "chloe"):
        ground.say("fence", who)
    ground.look()
    ground.look()
    page = Desk(ground, enter("bruno"), "bruno", "promote").read()
    assert "ident-1 on par1-r1-h1 lives by no lease that could end" in page
    assert "nobody can tell" in page, "no agent told what the standby holds"
    assert "standby osu2-r1-h1 in OSU2" in page


def test_a_passkey_over_this_very_question_is_taken_once(ground: Ground, enter: Enter) -> None:
    bruno = desk(ground, enter, "bruno")
    bruno.read()
    done = bruno.approve()
    assert done["Location"] == f"/recovery/runs/{ground.run.number}/"
    assert Approval.objects.latest("given_at").approver == "bruno"
    again = bruno.approve()
    assert again.status_code == 409
    assert "answered already" in text(again)
    assert "chloe" in enter("vera").get("/recovery/approve/").content.decode()


REFUSED = {
    "amelie": "amelie asked for the run: somebody else has to approve.",
    "emil": "emil wrote the runbook: somebody else has to approve.",
    "vera": "vera, you cannot answer this. vera is no approver.",
}


def test_who_may_not_is_told_why_and_gets_no_button(ground: Ground, enter: Enter) -> None:
    desk(ground, enter, "amelie")
    for who, says in REFUSED.items():
        person = Desk(ground, enter(who), who, "fence")
        page = person.read().replace("<b>", "").replace("</b>", "")
        assert says in page
        assert "Approve: Fence" not in page
        person.seen = person.seen or "{}"
        assert person.approve().status_code in {403, 409}, who
    assert not Approval.objects.filter(ask=ground.ask("fence")).exists()


BAD: dict[str, dict[str, object]] = {
    "origin": {"origin": "https://evil.example"},
    "site": {"party": "evil.example"},
    "unverified": {"flags": 1},
    "framed": {"cross_origin": True},
    "registration": {"kind": "webauthn.create"},
}


def test_a_signature_that_is_not_worth_it_is_refused_with_its_reason(
    ground: Ground, enter: Enter
) -> None:
    bruno = desk(ground, enter, "bruno")
    bruno.read()
    for what, how in BAD.items():
        refused = bruno.approve(**how)
        assert refused.status_code == 422, what
        assert "Nothing was written." in text(refused), what
    assert not Approval.objects.filter(ask=ground.ask("fence")).exists()


def test_rubbish_in_place_of_a_signature_is_refused(ground: Ground, enter: Enter) -> None:
    bruno = desk(ground, enter, "bruno")
    bruno.read()
    for answer in ("", "{}", "[" * 5000, '{"credential": 7}'):
        sent = bruno.client.post(bruno.path, {"seen": bruno.seen, "answer": answer})
        assert sent.status_code == 422
        assert "No signature came with it" in text(sent)


def test_what_drifted_since_the_page_was_read_is_shown_and_nothing_is_said(
    ground: Ground, enter: Enter
) -> None:
    bruno = desk(ground, enter, "bruno")
    bruno.read()
    move_on("ident")
    refused = bruno.approve()
    assert refused.status_code == 409
    shown = text(refused)
    assert "Nothing was said." in shown
    assert "ident is in epoch" in shown
    assert "There is nothing to approve: it is void." in shown
    assert not Approval.objects.filter(ask=ground.ask("fence")).exists()


def test_a_question_that_is_over_says_so(ground: Ground, enter: Enter) -> None:
    bruno = desk(ground, enter, "bruno")
    bruno.read()
    ground.say("fence", "chloe", yes=False)
    old = bruno.path
    ground.look()
    assert "Somebody said no to it." in text(bruno.client.get(old))
    refused = bruno.client.post(old, {"seen": bruno.seen, "answer": "{}"})
    assert refused.status_code == 409
    assert "Somebody said no to it." in text(refused)


def test_a_no_takes_a_reason_and_pauses_the_run(ground: Ground, enter: Enter) -> None:
    chloe = desk(ground, enter, "chloe")
    chloe.read()
    assert chloe.deny("").status_code == 422
    assert chloe.deny().status_code == 302
    ground.look()
    assert ground.run.state == "paused"
    assert "chloe said no" in ground.run.state_reason
    page = chloe.read()
    ended = ends_of([ground.ask("fence").pk])[str(ground.ask("fence").pk)]
    assert "Expires in" not in page
    assert f'<dt>Ended</dt><dd class="digits">{ended:%H:%M:%S}</dd>' in page
    assert "somebody said no</dd>" in page
    assert "It is over since" in page
    assert "denied" not in page, "no state of ours is a word of people"


def test_glass_is_broken_by_an_administrator_by_name_and_tells_everybody(
    ground: Ground, enter: Enter
) -> None:
    emil = desk(ground, enter, "emil")
    assert "For the night on which nobody else can be reached." in emil.read()
    assert emil.break_glass().status_code == 422, "no rule was named"
    assert emil.break_glass("editor_approves", reason="").status_code == 422
    assert not BreakGlass.objects.exists()
    asked = text(emil.break_glass("editor_approves", "too_few_people", signs=False))
    assert "Break glass, signed by you" in asked
    assert not BreakGlass.objects.exists(), "it is not signed yet"
    done = emil.break_glass("editor_approves", "too_few_people")
    assert done.status_code == 302
    assert Alarm.objects.filter(
        title__contains="fence: Who wrote the runbook approves it, One person is enough"
    ).exists()
    assert (
        "emil broke glass: Who wrote the runbook approves it, One person is enough" in emil.read()
    )
    assert emil.approve().status_code == 302
    ground.look()
    assert ground.step("fence").state == "done"
    bruno = Desk(ground, enter("bruno"), "bruno", "fence")
    bruno.seen = "{}"
    assert bruno.break_glass("too_few_people").status_code == 403


def test_whose_passkey_is_pinned_nowhere_is_shown_the_way(ground: Ground, enter: Enter) -> None:
    bruno = desk(ground, enter, "bruno")
    ground.pins.unlink()
    page = bruno.read()
    assert "You have no pinned passkey, and this step takes one." in page
    assert "Approve: Fence" not in page


def code_of(who: str) -> str:
    """A device with codes, and what it shows now."""
    secret = generate_totp_secret()
    TOTP.activate(User.objects.get(username=who), secret)
    assert Authenticator.objects.filter(user__username=who).exists()
    return str(format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time())))))


def test_a_code_does_for_a_step_with_an_undo_and_for_no_other(ground: Ground, enter: Enter) -> None:
    bruno = desk(ground, enter, "bruno", "tell")
    code = code_of("bruno")
    assert "Approve with a code" in bruno.read()
    wrong = bruno.client.post(bruno.path, {"seen": bruno.seen, "code": "000000x"})
    assert wrong.status_code == 422
    assert "not the code of now" in text(wrong)
    assert bruno.client.post(bruno.path, {"seen": bruno.seen, "code": code}).status_code == 302
    ground.look()
    assert ground.step("tell").state == "done"
    ground.look()
    fence = Desk(ground, bruno.client, "bruno", "fence")
    assert "Approve with a code" not in fence.read()
    refused = fence.client.post(fence.path, {"seen": fence.seen, "code": code})
    assert refused.status_code == 422
    assert "No signature came with it" in text(refused)


def test_a_prepared_run_asks_nobody(ground: Ground, enter: Enter) -> None:
    ground.prepare()
    assert "Waits for a yes" not in text(enter("bruno").get("/"))
    ground.press(Press.START)
    ground.look()
    ground.look()
    overview = text(enter("bruno").get("/"))
    assert "Waits for a yes" in overview
    assert "Read and answer: Tell" in overview
    assert "Read and answer: Tell" not in text(enter("vera").get("/"))


def test_a_plan_that_moves_no_database_says_that_it_loses_nothing(
    ground: Ground, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = short_runbook().decode().split("steps:\n")[0]
    question = """\
  - id: fence
    title: Go on
    stage: activation
    owner: responder
    timeout: 5m
    undo: Say no.
    approval: {role: approver, count: 1}
    do: {kind: approval, question: Do we go on}
"""
    monkeypatch.setattr(staging, "short_runbook", f"{head}steps:\n{question}".encode)
    ground.begin()
    ground.look()
    page = Desk(ground, enter("bruno"), "bruno", "fence").read()
    assert "It loses nothing: this plan moves no database." in page
    assert "Nobody quoted it" not in page


def test_the_approval_of_a_drill_says_what_the_drill_does(ground: Ground, enter: Enter) -> None:
    ground.prepare(Mode.DRILL)
    ground.press(Press.START)
    ground.until("fence")
    page = Desk(ground, enter("bruno"), "bruno", "fence").read()
    assert ">DRILL<" in page
    assert "production is untouched. In a real run: Fences PAR1" in page
    assert "is taken as lost and stays as it is." in page
    assert "takes over.</p>" not in page
    ground.say("fence", "bruno")
    ground.say("fence", "chloe")
    ground.look()
    ground.look()
    page = Desk(ground, enter("bruno"), "bruno", "promote").read()
    assert "no standby is promoted; a copy is restored on hosts for drills alone." in page
    assert "Point of no return" not in page
    assert "Everything after these moments is lost." not in page
