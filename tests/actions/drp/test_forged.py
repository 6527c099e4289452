"""Rows that somebody forged for another person start nothing."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from django.contrib.auth.models import Group, User
from django.db import Error, transaction

from recovery.alarms.actions import end_alarms, raise_alarm
from recovery.alarms.facts import Severity
from recovery.audit.facts import Actor
from recovery.core.consent import Assertion, Pin, write_pins
from recovery.core.errors import Refused
from recovery.core.mandate import refuse_mandate
from recovery.drp import queries
from recovery.drp.actions import delegate
from recovery.drp.approvals.facts import Rule
from recovery.drp.approvals.proofs import party, pins, write_assertion
from recovery.drp.facts import RunState
from recovery.drp.models import Act, Approval, BreakGlass
from recovery.drp.press import Press
from recovery.drp.queries.approvals import (
    glass_word,
    mandate_of,
    plan_of,
    question_of,
    word_of,
)
from tests.actions.drp.forging import entry, insert, insert_word, refused, sql
from tests.actions.drp.ground import Ground
from tests.support.fleet import BY, NOW
from tests.support.passkeys import Passkey


def forge_all(ground: Ground, proof: str) -> None:
    """chloe never said it. Whoever owns the application's role writes it all for her."""
    ask, fence = ground.ask("fence"), ground.step("fence")
    insert_word(ground, ask, "chloe", proof=proof)
    ground.look()
    assert ground.step("fence").state == "asking", "the engine does not count it"
    for row in Approval.objects.filter(ask=ask):
        use = {
            "approval_id": row.pk,
            "step_id": fence.pk,
            "round": 1,
            "used_at": queries.database_now(),
            "pulse": 0.0,
        }
        insert("drp_approvaluse", "drp approval use", use)
    sql(
        "UPDATE drp_runstep SET state = 'begun', version = version + 1 WHERE id = %s",
        [fence.pk],
        entry("drp step", fence.pk, fence.version + 1),
    )


def proofs(ground: Ground) -> list[str]:
    """What a forger may have: nothing, another's key, an older signature, a seal of nobody."""
    ask = ground.ask("fence")
    question = question_of(ground.run, plan_of(ground.run), ask.step, ask)
    mine = Passkey("chloe", credential=ground.keys["chloe"].credential)
    stolen = Approval.objects.filter(approver="bruno").latest("given_at").proof
    old = ground.keys["chloe"].sign(word_of(question, ground.ask("tell"), "chloe"))
    return [
        "",
        "{}",
        write_assertion(mine.sign(word_of(question, ask, "chloe"))),
        write_assertion(Assertion("", "", "", "")),
        write_assertion(old),
        stolen,
    ]


def test_rows_forged_for_another_person_start_nothing(asked: Ground) -> None:
    before = dict(asked.hand.done)
    for proof in proofs(asked):
        with transaction.atomic():
            forge_all(asked, proof)
            for _ in range(3):
                asked.look()
            assert asked.hand.done == before
            assert asked.step("fence").state == "failed"
            assert "Waits for one more person" in asked.step("fence").said
            assert asked.run.state == RunState.PAUSED
            shown = mandate_of(asked.run, asked.step("fence"))
            assert refuse_mandate(shown, pins(), party()), "an agent believes none of it either"
            transaction.set_rollback(True)


def glass(ground: Ground, by: str, signer: str = "", **signed: object) -> BreakGlass:
    """A row of broken glass as a forger writes it; `signed`: what its signature says otherwise."""
    ask = ground.ask("fence")
    there = BreakGlass(ask=ask, by=by, rules=["editor_approves"], reason="Alone.", at=NOW)
    word = replace(glass_word(ground.run, ask.step, ask, there), **signed)  # type: ignore[arg-type]
    proof = write_assertion(ground.keys[signer].sign(word)) if signer else "{}"
    fields = {
        "ask_id": ask.pk,
        "by": by,
        "rules": json.dumps(there.rules),
        "reason": there.reason,
        "at": NOW,
        "proof": proof,
    }
    insert("drp_breakglass", "drp break-glass", fields)
    return BreakGlass.objects.get(ask=ask)


def tell(row: BreakGlass, **changes: str) -> None:
    """Everybody, of this."""
    told = {"key": f"break-glass:{row.ask_id}", "title": str(row), "body": row.reason} | changes
    raise_alarm(
        key=told["key"],
        title=told["title"],
        body=told["body"],
        severity=Severity.PAGE,
        incident=None,
        actor=BY,
        reason="x",
        now=NOW,
    )


def broken(ground: Ground) -> frozenset[Rule]:
    ask = ground.ask("fence")
    return question_of(ground.run, plan_of(ground.run), ask.step, ask).broken


@pytest.mark.parametrize(
    ("by", "signer", "signed"),
    [
        ("emil", "", {}),
        ("emil", "dora", {}),
        ("emil", "emil", {"rules": ("requester_approves",)}),
        ("emil", "emil", {"reason": "Another."}),
        ("emil", "emil", {"nonce": "00" * 32}),
        ("emil", "emil", {"step": "promote"}),
        ("emil", "emil", {"digest": "00" * 32}),
        ("bruno", "bruno", {}),
    ],
)
def test_glass_that_its_breaker_did_not_sign_is_whole(
    asked: Ground, by: str, signer: str, signed: dict[str, object]
) -> None:
    """emil wrote the runbook, and is an administrator; bruno is none."""
    tell(glass(asked, by, signer, **signed))
    assert broken(asked) == frozenset()


def test_an_administrator_in_the_rows_alone_breaks_no_glass(asked: Ground) -> None:
    pins = [replace_roles(key.pin, "emil", "approver") for key in asked.keys.values()]
    asked.pins.write_bytes(write_pins(pins))
    tell(glass(asked, "emil", "emil"))
    assert broken(asked) == frozenset()


def replace_roles(pin: Pin, person: str, *roles: str) -> Pin:
    return msgspec.structs.replace(pin, roles=roles) if pin.person == person else pin


def test_glass_that_nobody_was_told_of_is_whole_and_an_alarm_that_is_over_was_told(
    asked: Ground,
) -> None:
    row = glass(asked, "emil", "emil")
    assert broken(asked) == frozenset()
    for other in ({"body": "Nothing."}, {"title": "Nothing."}, {"key": "break-glass:x"}):
        with transaction.atomic():
            tell(row, **other)
            assert broken(asked) == frozenset(), "it was raised for something else"
            transaction.set_rollback(True)
    tell(row)
    assert broken(asked) == {Rule.EDITOR_APPROVES}
    end_alarms(keys=[f"break-glass:{row.ask_id}"], actor=BY, reason="x", now=NOW)
    assert broken(asked) == {Rule.EDITOR_APPROVES}
    asked.say("fence", "emil")
    asked.look()
    assert asked.step("fence").state == "done", "bruno and emil"


def test_one_yes_is_enough_only_where_it_is_that_of_who_broke_the_rule(asked: Ground) -> None:
    asked.glass("fence", "dora", Rule.TOO_FEW_PEOPLE)
    asked.look()
    assert asked.step("fence").state == "asking", "bruno’s alone is not"
    row = Approval.objects.get(ask=asked.ask("fence"))
    fence = asked.step("fence")
    use = {
        "approval_id": row.pk,
        "step_id": fence.pk,
        "round": 1,
        "used_at": queries.database_now(),
        "pulse": 0.0,
    }
    insert("drp_approvaluse", "drp approval use", use)
    statement = "UPDATE drp_runstep SET state = 'begun', version = version + 1 WHERE id = %s"
    bumped = entry("drp step", fence.pk, fence.version + 1)
    assert "1 approvals where fence takes 2" in refused(statement, [fence.pk], bumped)


def test_who_is_no_approver_in_the_pinned_file_is_none_whatever_the_rows_say(
    asked: Ground,
) -> None:
    """vera was made an approver by whoever writes rows, and bruno lent her his right."""
    pins = [replace_roles(key.pin, "vera", "responder") for key in asked.keys.values()]
    asked.pins.write_bytes(write_pins(pins))
    vera = User.objects.get(username="vera")
    vera.groups.set(Group.objects.filter(name="approver"))
    with pytest.raises(Refused, match="vera is no approver"):
        asked.say("fence", "vera")
    ask = asked.ask("fence")
    question = question_of(asked.run, plan_of(asked.run), ask.step, ask)
    proof = write_assertion(asked.keys["vera"].sign(word_of(question, ask, "vera")))
    insert_word(asked, ask, "vera", proof=proof)
    asked.look()
    assert asked.step("fence").state == "asking"


def test_a_lent_right_makes_nobody_an_approver_whom_the_pinned_file_does_not_have(
    asked: Ground,
) -> None:
    pins = [replace_roles(key.pin, "vera", "responder") for key in asked.keys.values()]
    asked.pins.write_bytes(write_pins(pins))
    delegate(
        taker="vera",
        role="approver",
        ends_at=queries.database_now() + timedelta(hours=1),
        actor=Actor("person", "chloe"),
        reason="On a plane.",
        now=NOW,
    )
    with pytest.raises(Refused, match="chloe is no approver"):
        asked.say("fence", "vera", for_="chloe")


def test_what_an_agent_is_shown_is_enough_for_it_and_nothing_less_is(asked: Ground) -> None:
    asked.say("fence", "chloe")
    asked.look()
    run, row, pinned = asked.run, asked.step("fence"), pins()
    mandate = mandate_of(run, row)
    assert [yes.approver for yes in mandate.yeses] == ["bruno", "chloe"]
    assert refuse_mandate(mandate, pinned, party()) == ""
    less = msgspec.structs.replace(mandate, yeses=mandate.yeses[:1])
    assert "1 of 2 people" in refuse_mandate(less, pinned, party())


def test_an_act_that_was_forged_into_the_rows_is_not_done(asked: Ground) -> None:
    """Its step began by forged rows, and it stands there as if it were on its way."""
    before = dict(asked.hand.done)
    forge_all(asked, "{}")
    target = plan_of(asked.run).step("fence").waves[0][0]
    key = f"{asked.run.pk}/fence/{target.key}/1"
    act = {
        "step_id": asked.step("fence").pk,
        "key": key,
        "target": target.key,
        "target_name": target.name,
        "number": 1,
        "round": 1,
        "state": "intended",
        "intended_at": queries.database_now(),
        "said": "",
        "by_word": "",
        "epoch": 0,
    }
    insert("drp_act", "drp act", act)
    for _ in range(3):
        asked.look()
    assert asked.hand.done == before
    assert Act.objects.get(key=key).state == "intended", "it is looked at, and nobody does it"
    with suppress(Error):
        asked.press(Press.ABORT)
    asked.look()
    assert asked.hand.done == before


def test_without_its_file_of_keys_nothing_dangerous_begins(asked: Ground) -> None:
    asked.say("fence", "chloe")
    asked.pins.unlink()
    asked.look()
    assert asked.step("fence").state == "asking"
    assert not Act.objects.filter(step=asked.step("fence")).exists()
