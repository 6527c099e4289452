"""PostgreSQL refuses what the rules refuse, whoever writes: the application's role in raw SQL."""

from __future__ import annotations

import json
from importlib import import_module
from itertools import product
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from django.db import Error, transaction

from recovery.drp.facts import UNSKIPPABLE
from recovery.drp.models import Approval, ApprovalUse, BreakGlass, Run, RunStep
from recovery.drp.plan import canonical, digest_of
from recovery.drp.queries.approvals import (
    plan_of,
)
from tests.actions.drp.forging import entry, insert, insert_word, refused, word
from tests.actions.drp.ground import Ground
from tests.support.fleet import NOW


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
            "proof": "",
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


def signed_by(run: Run, **changes: str) -> dict[str, str]:
    """The run's plan as if other people had asked for it or written it."""
    raw = canonical(msgspec.structs.replace(plan_of(run), **changes))
    return {"plan": raw.decode(), "digest": digest_of(raw)}


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
        ({"requested_by": "mallory"}, "somebody else asked for the plan"),
        (signed_by(run, requester="mallory"), "somebody else asked for the plan"),
        (signed_by(run, last_editor="mallory"), "somebody else wrote the runbook"),
    ):
        with pytest.raises(Error, match=said):
            insert("drp_run", "drp run", fields | changes)


def test_what_protects_others_is_never_skipped_and_a_round_is_a_retry(asked: Ground) -> None:
    fence = asked.step("fence")
    bumped = entry("drp step", fence.pk, fence.version + 1)
    skip = "UPDATE drp_runstep SET state = 'skipped', version = version + 1 WHERE id = %s"
    assert "never skipped" in refused(skip, [fence.pk], bumped)
    turn = "UPDATE drp_runstep SET round = round + 1, version = version + 1 WHERE id = %s"
    assert "a retry of what failed" in refused(turn, [fence.pk], bumped)
    guard = import_module("recovery.drp.migrations.0002_guard")
    assert set(guard.UNSKIPPABLE.split()) == set(UNSKIPPABLE)
