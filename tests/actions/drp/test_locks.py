"""PostgreSQL refuses what the rules refuse, whoever writes: the application's role in raw SQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from django.db import Error, connection, transaction

from recovery.alarms.actions import end_alarms
from recovery.audit.actions import append_entries
from recovery.audit.facts import Actor, Entry
from recovery.core.consent import Assertion
from recovery.drp import queries
from recovery.drp.actions.answers import break_glass
from recovery.drp.approvals.facts import Rule
from recovery.drp.approvals.proofs import write_assertion
from recovery.drp.facts import UNSKIPPABLE, RunState
from recovery.drp.models import Act, Approval, ApprovalUse, Ask, BreakGlass, Run, RunStep
from recovery.drp.press import Press
from recovery.drp.queries.runs import plan_of, question_of, word_of
from tests.actions.drp.ground import Ground
from tests.support.fleet import NOW
from tests.support.passkeys import Passkey


def entry(kind: str, pk: object, version: int) -> Entry:
    """A forger may write audit entries, too: the log's door is open to the application."""
    return Entry("forged", kind, str(pk), version, Actor("person", "mallory"), "x", NOW)


def sql(statement: str, values: list[Any], *entries: Entry) -> None:
    with transaction.atomic():
        append_entries(entries)
        with connection.cursor() as cursor:
            cursor.execute(statement, values)


def refused(statement: str, values: list[Any], *entries: Entry) -> str:
    with pytest.raises(Error) as caught:
        sql(statement, values, *entries)
    return str(caught.value)


def insert(table: str, kind: str, fields: Mapping[str, Any]) -> None:
    """A row in raw SQL, with its entry."""
    row: dict[str, Any] = {"id": uuid4(), "version": 1, **fields}
    names = ", ".join(f'"{name}"' for name in row)
    places = ", ".join(["%s"] * len(row))
    sql(
        f"INSERT INTO {table} ({names}) VALUES ({places})",  # noqa: S608 - our own names
        list(row.values()),
        entry(kind, row["id"], 1),
    )


def word(ground: Ground, ask: Ask, who: str, **changes: object) -> dict[str, object]:
    """An approval of it, as a forger would write it."""
    run = ground.run
    fields: dict[str, object] = {
        "ask_id": ask.pk,
        "approver": who,
        "principal": who,
        "requester": run.requested_by,
        "editor": run.last_editor,
        "digest": run.digest,
        "is_yes": True,
        "reason": "",
        "factor": "passkey",
        "proof": "{}",
        "given_at": queries.database_now(),
        "pulse": 0.0,
        "incarnation": 0,
        "broke_id": None,
    }
    return fields | changes


def insert_word(ground: Ground, ask: Ask, who: str, **changes: object) -> None:
    insert("drp_approval", "drp approval", word(ground, ask, who, **changes))


@pytest.fixture
def asked(ground: Ground) -> Ground:
    """The fence is asked for, and bruno has said yes."""
    ground.begin()
    ground.until("fence")
    ground.say("fence", "bruno")
    return ground


def test_an_approval_is_never_altered_deleted_or_emptied(asked: Ground) -> None:
    row = Approval.objects.latest("given_at")
    bumped = entry("drp approval", row.pk, 2)
    for column, value in (
        ("approver", "chloe"), ("digest", "0" * 64), ("is_yes", False), ("proof", ""),
        ("given_at", NOW), ("broke_id", None), ("incarnation", 9),
    ):  # fmt: skip
        told = refused(
            f"UPDATE drp_approval SET {column} = %s, version = 2 WHERE id = %s",  # noqa: S608
            [value, row.pk],
            bumped,
        )
        assert "append-only" in told
    for table in ("drp_approval", "drp_approvaluse", "drp_breakglass"):
        assert "append-only" in refused(f"DELETE FROM {table}", [])  # noqa: S608
        assert refused(f"TRUNCATE {table} CASCADE", [])
        assert "append-only" in refused(f"UPDATE {table} SET version = 2", [])  # noqa: S608
    with pytest.raises(Error), transaction.atomic():
        Approval.objects.update(approver="chloe")
    with pytest.raises(Error), transaction.atomic():
        Approval.objects.all().delete()


def test_who_asked_or_wrote_is_never_an_approver(asked: Ground) -> None:
    ask = asked.ask("fence")
    for column, who in product(("approver", "principal"), ("amelie", "emil")):
        right = word(asked, ask, "dora", **{column: who})
        with pytest.raises(Error, match="never approves"):
            insert("drp_approval", "drp approval", right)
        with pytest.raises(Error, match="about another run"):
            insert("drp_approval", "drp approval", right | {"requester": "x", "editor": "y"})


def test_break_glass_of_another_question_or_person_lets_nobody_through(asked: Ground) -> None:
    ask, other = asked.ask("fence"), asked.ask("tell")
    for by, of in (("emil", other), ("dora", ask)):
        fields = {
            "ask_id": of.pk,
            "by": by,
            "rules": json.dumps(["editor_approves"]),
            "reason": "x",
            "at": NOW,
        }
        insert("drp_breakglass", "drp break-glass", fields)
        broke = BreakGlass.objects.get(by=by).pk
        with pytest.raises(Error, match="never approves"):
            insert_word(asked, ask, "emil", broke_id=broke)


def test_an_approval_is_of_now_of_this_digest_and_of_an_open_question(asked: Ground) -> None:
    ask = asked.ask("fence")
    with pytest.raises(Error, match="about another run"):
        insert_word(asked, ask, "chloe", digest="0" * 64)
    with pytest.raises(Error, match="by the clock of the database"):
        insert_word(asked, ask, "chloe", given_at=NOW)
    with pytest.raises(Error, match="nobody asks this"):
        insert_word(asked, asked.ask("tell"), "chloe")
    with pytest.raises(Error, match="one_word_per"):
        insert_word(asked, ask, "bruno")


def test_an_approval_is_used_once_and_for_its_own_step_and_round(asked: Ground) -> None:
    asked.say("fence", "chloe")
    fence, used = asked.step("fence"), ApprovalUse.objects.get()
    fresh = Approval.objects.filter(ask__step=fence).first()
    assert fresh is not None

    def use(approval: object, step: RunStep, nth: int) -> str:
        fields = {
            "approval_id": approval,
            "step_id": step.pk,
            "round": nth,
            "used_at": NOW,
            "pulse": 0.0,
        }
        try:
            with transaction.atomic():
                insert("drp_approvaluse", "drp approval use", fields)
                transaction.set_rollback(True)
        except Error as error:
            return str(error)
        return ""

    assert "not of this step now" in use(used.approval_id, fence, 1)
    assert "not of this step now" in use(used.approval_id, asked.step("tell"), 1)
    assert "not of this step now" in use(fresh.pk, asked.step("promote"), 1)
    assert "not of this step now" in use(fresh.pk, fence, 2)
    assert use(fresh.pk, fence, 1) == ""
    asked.look()
    assert "not of this step now" in use(fresh.pk, fence, 1)


def test_a_step_without_its_approvals_never_begins_and_nothing_is_intended_in_it(
    asked: Ground,
) -> None:
    fence = asked.step("fence")
    bumped = entry("drp step", fence.pk, fence.version + 1)
    statement = "UPDATE drp_runstep SET state = %s, version = version + 1 WHERE id = %s"
    assert "0 approvals where fence takes 2" in refused(statement, ["begun", fence.pk], bumped)
    assert "never done after asking" in refused(statement, ["done", fence.pk], bumped)
    act = {
        "step_id": fence.pk,
        "key": "forged",
        "target": "datacenter:x",
        "target_name": "x",
        "number": 1,
        "round": 1,
        "state": "intended",
        "intended_at": NOW,
        "said": "",
        "by_word": "",
        "epoch": 0,
    }
    with pytest.raises(Error, match="outside a step that has begun"):
        insert("drp_act", "drp act", act)


def test_what_was_shown_of_a_run_never_changes(asked: Ground) -> None:
    run = asked.run
    bumped = entry("drp run", run.pk, run.version + 1)
    for column, value in (
        ("plan", "{}"),
        ("digest", "0" * 64),
        ("mode", "planned"),
        ("requested_by", "mallory"),
        ("last_editor", "mallory"),
        ("into", "MRS1"),
    ):
        statement = f'UPDATE drp_run SET "{column}" = %s, version = version + 1 WHERE id = %s'  # noqa: S608
        assert f"{column} of drp_run never changes" in refused(statement, [value, run.pk], bumped)


def test_a_run_moves_as_its_picture_says(asked: Ground) -> None:
    run = asked.run
    statement = "UPDATE drp_run SET state = %s, version = version + 1 WHERE id = %s"
    bumped = entry("drp run", run.pk, run.version + 1)
    for state in ("prepared", "aborted"):
        assert f"never {state} after running" in refused(statement, [state, run.pk], bumped)
    with pytest.raises(Error, match="without an audit entry"), transaction.atomic():
        Run.objects.filter(pk=run.pk).update(state="paused")


def test_a_run_begins_prepared_and_with_the_digest_of_its_plan(ground: Ground) -> None:
    run = ground.prepare()
    columns = [str(field.attname) for field in Run._meta.concrete_fields]
    real: dict[str, Any] = {column: getattr(run, column) for column in columns}
    fields = real | {"id": uuid4(), "version": 1, "number": 99}
    for changes, said in (
        ({"state": "running"}, "begins as prepared"),
        ({"plan": run.plan.replace("PAR1", "MRS1")}, "not that of the plan"),
        ({"mode": "drill"}, "something else than its plan"),
        ({"lost": "MRS1"}, "something else than its plan"),
        ({"last_editor": "mallory"}, "somebody else wrote the runbook"),
    ):
        with pytest.raises(Error, match=said):
            insert("drp_run", "drp run", fields | changes)


# ---------------------------------------------------------------------- forged rows


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
            transaction.set_rollback(True)


def test_glass_that_was_broken_in_the_rows_alone_is_whole(asked: Ground) -> None:
    """emil wrote the runbook; nobody was told of anything."""
    ask = asked.ask("fence")
    rules = json.dumps(["editor_approves", "too_few_people"])
    fields = {"ask_id": ask.pk, "by": "emil", "rules": rules, "reason": "x", "at": NOW}
    insert("drp_breakglass", "drp break-glass", fields)
    question = question_of(asked.run, plan_of(asked.run), ask.step, ask)
    assert question.broken == frozenset()
    signed = asked.keys["emil"].sign(word_of(question, ask, "emil"))
    broke = BreakGlass.objects.get().pk
    insert_word(asked, ask, "emil", proof=write_assertion(signed), broke_id=broke)
    asked.look()
    assert asked.step("fence").state == "asking"


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


def test_what_protects_others_is_never_skipped_and_a_round_is_a_retry(asked: Ground) -> None:
    fence = asked.step("fence")
    bumped = entry("drp step", fence.pk, fence.version + 1)
    skip = "UPDATE drp_runstep SET state = 'skipped', version = version + 1 WHERE id = %s"
    assert "never skipped" in refused(skip, [fence.pk], bumped)
    turn = "UPDATE drp_runstep SET round = round + 1, version = version + 1 WHERE id = %s"
    assert "a retry of what failed" in refused(turn, [fence.pk], bumped)
    guard = import_module("recovery.drp.migrations.0002_guard")
    assert set(guard.UNSKIPPABLE.split()) == set(UNSKIPPABLE)


def test_glass_whose_alarm_is_over_is_whole(asked: Ground) -> None:
    ask = asked.ask("fence")
    dora = Actor("person", "dora")
    break_glass(ask=ask.pk, rules={Rule.TOO_FEW_PEOPLE}, actor=dora, reason="x", now=NOW)
    plan = plan_of(asked.run)
    assert question_of(asked.run, plan, ask.step, ask).broken
    end_alarms(keys=[f"break-glass:{ask.pk}"], actor=dora, reason="x", now=NOW)
    assert not question_of(asked.run, plan, ask.step, ask).broken
