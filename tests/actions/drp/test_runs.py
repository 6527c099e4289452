"""A run in rows, from its preparation to its end, whatever is pressed or dies meanwhile."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from importlib import import_module

import pytest
from django.db import IntegrityError, transaction

from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.audit.models import AuditEntry
from recovery.core import control, transitions
from recovery.core.errors import Conflict, NotLeader, Refused
from recovery.drp import actions, queries
from recovery.drp.actions.answers import Answer
from recovery.drp.actions.runs import Override
from recovery.drp.approvals.facts import ASK_MOVES, LIFE_SECONDS, Rule
from recovery.drp.executing import FAIL_POINTS
from recovery.drp.facts import ACT_MOVES, MOVES, STEP_MOVES, ActState, Mode, RunState
from recovery.drp.models import Act, ApprovalUse, Run, RunbookVersion
from recovery.drp.planning.inventory import Wish
from recovery.drp.press import Press
from recovery.drp.queries.linting import findings_of
from recovery.drp.runbooks.states import RUNBOOK_MOVES
from recovery.drp.sights import Heard
from recovery.inventory.models import Database
from tests.actions.drp.ground import Ground, short_runbook
from tests.support.fleet import BY

HOUR = timedelta(hours=1)


def finish(ground: Ground) -> None:
    ground.until("")
    for _ in range(4):
        ground.look()


def test_a_run_goes_from_its_preparation_to_its_end_with_two_peoples_words(ground: Ground) -> None:
    ground.begin()
    finish(ground)
    assert ground.run.state == RunState.DONE
    assert set(ground.hand.done.values()) == {1}
    assert {key.rsplit("/", 1)[0].split(":")[0] for key in ground.acts()} == {
        "freeze/tocsin",
        "tell/tocsin",
        "fence/datacenter",
        "promote/database",
    }
    assert [use.approval.approver for use in ApprovalUse.objects.order_by("used_at")] == [
        "bruno",
        "bruno",
        "chloe",
        "bruno",
    ]
    for model in (Run, Act):
        for row in model.objects.all():
            entries = AuditEntry.objects.filter(object_type=row.TYPE, object_id=str(row.pk))
            assert entries.count() == row.version


class Killed(BaseException):
    """Whoever carried it out is gone: nobody is left who could catch it."""


def test_a_worker_that_is_killed_at_every_point_repeats_nothing(ground: Ground) -> None:
    ground.begin()
    left = dict.fromkeys(FAIL_POINTS, 2)

    def fail(passed: str) -> None:
        if left[passed]:
            left[passed] -= 1
            raise Killed(passed)

    ground.fail = fail
    for _ in range(60):
        with suppress(Killed):
            ground.look()
        ground.approve_all()
        if ground.run.state == RunState.DONE:
            break
    assert ground.run.state == RunState.DONE
    assert set(left.values()) == {0}, "each was passed, and killed at"
    assert set(ground.hand.done.values()) == {1}
    assert len(ground.hand.done) == Act.objects.count() == 5


def test_who_asked_and_who_wrote_it_and_who_may_not_are_told_so(ground: Ground) -> None:
    ground.begin()
    ground.look()
    for who, why in (
        ("amelie", "amelie asked for the run"),
        ("emil", "emil wrote the runbook"),
        ("vera", "vera is no approver"),
    ):
        with pytest.raises(Refused, match=why):
            ground.say("tell", who)


def test_an_administrator_who_asked_does_not_approve_either(ground: Ground) -> None:
    ground.prepare(who="dora")
    ground.press(Press.START)
    ground.look()
    with pytest.raises(Refused, match="dora asked for the run"):
        ground.say("tell", "dora")


def test_a_word_is_given_once_and_an_old_question_takes_none(ground: Ground) -> None:
    ground.begin()
    ground.until("fence")
    ground.say("fence", "bruno")
    with pytest.raises(Conflict, match="answered already"):
        ground.say("fence", "bruno")
    with pytest.raises(Conflict, match="That question is over"):
        ground.say("tell", "chloe")


def test_a_code_does_for_what_has_an_undo_and_never_for_what_is_dangerous(ground: Ground) -> None:
    ground.begin()
    ground.look()
    ground.say("tell", "bruno", code=True)
    ground.look()
    assert ground.step("tell").state == "done"
    with pytest.raises(Refused, match="takes a passkey"):
        ground.say("fence", "bruno", code=True)


def test_somebody_who_is_let_in_no_more_has_not_approved(ground: Ground) -> None:
    ground.begin()
    ground.until("fence")
    ground.say("fence", "bruno")
    ground.say("fence", "chloe")
    ground.dismiss("chloe")
    ground.look()
    assert ground.step("fence").state == "asking"


def test_a_no_pauses_the_run_and_says_why(ground: Ground) -> None:
    ground.begin()
    ground.look()
    with pytest.raises(Refused, match="a_no_says_why"):
        actions.answer(
            ask=ground.ask("tell").pk,
            answer=Answer(False),
            actor=Actor("person", "chloe"),
            reason="",
            now=ground.now,
        )
    ground.say("tell", "chloe", yes=False)
    ground.look()
    assert (ground.run.state, ground.step("tell").state) == ("paused", "pending")
    assert "chloe said no" in ground.run.state_reason


def test_what_drifts_voids_the_question_and_pauses(ground: Ground) -> None:
    ground.begin()
    ground.until("fence")
    ground.say("fence", "bruno")
    epoch = Database.objects.get(name="orders")
    transitions.amend(
        epoch, {"epoch": 5}, action="moved", actor=BY, reason="A failover.", now=ground.now
    )
    ground.look()
    assert ground.run.state == RunState.PAUSED
    assert "orders is in epoch 5 now; the plan saw epoch 1." in ground.run.state_reason
    assert ground.ask("fence").state == "void"
    with pytest.raises(Refused, match="Abort, and plan anew"):
        ground.press(Press.RESUME)
    ground.press(Press.ABORT)
    ground.look()
    assert ground.run.state == RunState.ABORTED


def test_an_approval_is_over_after_thirty_minutes_of_the_leaders_count(ground: Ground) -> None:
    """Whatever the wall clock of the database says."""
    ground.begin()
    ground.until("fence")
    ground.say("fence", "bruno")
    ground.look(LIFE_SECONDS)
    assert ground.ask("fence").state == "open"
    assert Alarm.objects.filter(key__startswith="approval:").count() == 1
    ground.say("fence", "chloe")
    ground.look()
    assert ground.step("fence").state == "asking", "one of two words is over"
    ground.say("fence", "bruno")
    ground.look()
    assert ground.step("fence").state == "done"
    assert Alarm.objects.get(key__startswith="approval:").state == "ended"


def test_a_delegate_uses_the_right_of_the_giver_until_it_is_taken_back(ground: Ground) -> None:
    ground.begin()
    ground.until("fence")
    lent = actions.delegate(
        taker="vera",
        role="approver",
        ends_at=queries.database_now() + HOUR,
        actor=Actor("person", "bruno"),
        reason="On a plane.",
        now=ground.now,
    )
    ground.say("fence", "vera", for_="bruno")
    with pytest.raises(Conflict, match="with your right"):
        ground.say("fence", "bruno")
    ground.say("fence", "chloe")
    actions.revoke_delegation(
        delegation=lent, actor=Actor("person", "bruno"), reason="Back.", now=ground.now
    )
    ground.look()
    assert ground.step("fence").state == "asking"
    ground.say("fence", "dora")
    ground.look()
    assert ground.step("fence").state == "done"


def test_nobody_lends_what_they_do_not_have(ground: Ground) -> None:
    for giver, taker, why in (
        ("vera", "bruno", "no role approver"),
        ("bruno", "bruno", "to themselves"),
        ("bruno", "nobody", "is nobody"),
    ):
        with pytest.raises(Refused, match=why):
            actions.delegate(
                taker=taker,
                role="approver",
                ends_at=queries.database_now() + HOUR,
                actor=Actor("person", giver),
                reason="x",
                now=ground.now,
            )


def test_break_glass_names_its_rules_tells_everyone_and_serves_once(ground: Ground) -> None:
    ground.prepare(who="dora")
    ground.press(Press.START)
    ground.until("fence")
    rules = (Rule.REQUESTER_APPROVES, Rule.TOO_FEW_PEOPLE)
    with pytest.raises(Refused, match="takes the role admin"):
        ground.glass("fence", "bruno", *rules)
    with pytest.raises(Refused, match="and a reason"):
        ground.glass("fence", "dora", *rules, reason=" ")
    with pytest.raises(Refused, match="rules by name"):
        ground.glass("fence", "dora")
    ground.glass("fence", "dora", *rules)
    with pytest.raises(Conflict, match="broke glass for this already"):
        ground.glass("fence", "emil", *rules)
    alarm = Alarm.objects.get(key__startswith="break-glass:")
    said = "Who asked for the run approves it, One person is enough where the plan asks for more"
    assert said in alarm.title, "nobody reads the names of rules"
    ground.say("fence", "dora")
    ground.look()
    assert ground.step("fence").state == "done"
    with pytest.raises(Refused, match="dora asked for the run"):
        ground.say("promote", "dora")


def test_a_failed_act_waits_for_its_second_attempt_and_an_abort_ends_it(ground: Ground) -> None:
    ground.begin()
    ground.until("promote")
    ground.hand.outcome = Heard.FAILED
    ground.say("promote", "bruno")
    ground.look()
    first = ground.acts()
    assert list(first.values()).count(ActState.FAILED) == 1, "its second attempt rests first"
    ground.press(Press.ABORT)
    ground.look()
    assert ground.run.state == RunState.ABORTED


def test_an_old_leader_writes_nothing(ground: Ground) -> None:
    ground.begin()
    old = ground.epoch
    assert control.take_lead("other", seen_epoch=old, now=ground.now)
    with pytest.raises(NotLeader):
        ground.look()
    assert ground.step("freeze").state == "pending"


def test_a_simulation_intends_nothing_and_asks_nobody(ground: Ground) -> None:
    ground.prepare(Mode.SIMULATION)
    ground.press(Press.START)
    for _ in range(4):
        ground.look()
    assert ground.run.state == RunState.DONE
    assert not ground.hand.done
    assert Act.objects.count() == 0


def test_a_second_run_of_the_same_datacenter_is_refused(ground: Ground) -> None:
    ground.begin()
    ground.prepare()
    with pytest.raises(Conflict, match="Another run of PAR1 is under way"):
        ground.press(Press.START)
    with pytest.raises(IntegrityError, match="one_run_at_a_time"), transaction.atomic():
        Run.objects.filter(pk=ground.run.pk).update(state=RunState.RUNNING)


def test_a_stale_runbook_takes_a_name_and_a_reason(ground: Ground) -> None:
    def prepare(override: Override | None) -> Run:
        return actions.prepare_run(
            runbook=ground.write(),
            wish=Wish(Mode.DISASTER, "PAR1", "OSU2", "Dark."),
            refuse=lambda plan: "",
            override=override,
            actor=Actor("person", "amelie"),
            reason="x",
            now=ground.now,
        )

    with pytest.raises(Refused, match="It was never drilled"):
        prepare(None)
    with pytest.raises(Refused, match="put your name to it"):
        prepare(Override(" "))
    assert prepare(Override("It burns.")).override == "amelie: It burns."


def test_the_lint_counts_who_could_sign_now(ground: Ground) -> None:
    found = {one.rule: one.said for one in findings_of(ground.write())}
    assert set(found) == {"never_drilled"}
    for who in ("bruno", "dora"):
        ground.dismiss(who)
    found = {one.rule: one.said for one in findings_of(ground.write())}
    assert found["too_few_approvers"].startswith("fence: 2 who may approve")
    ground.pins.unlink()
    found = {one.rule: one.said for one in findings_of(ground.write())}
    assert "0 who may approve can be reached, and 2 are wanted" in found["too_few_approvers"]


def test_a_runbook_is_made_active_by_another_person_and_only_whole(ground: Ground) -> None:
    first = ground.write()
    second = short_runbook().replace(b"version: 1", b"version: 2")
    row = actions.write_runbook(
        raw=second, actor=Actor("person", "emil"), reason="x", now=ground.now
    )
    with pytest.raises(Refused, match="You wrote it"):
        actions.activate_runbook(
            runbook=row, actor=Actor("person", "emil"), reason="x", now=ground.now
        )
    actions.activate_runbook(runbook=row, actor=Actor("person", "dora"), reason="x", now=ground.now)
    first.refresh_from_db()
    assert (first.state, row.state) == ("retired", "active")
    holed = short_runbook().replace(b"version: 1", b"version: 3").replace(b"bia_ref", b"# bia_ref")
    draft = actions.write_runbook(
        raw=holed, actor=Actor("person", "emil"), reason="x", now=ground.now
    )
    with pytest.raises(Refused, match="empty: bia_ref"):
        actions.activate_runbook(
            runbook=draft, actor=Actor("person", "dora"), reason="x", now=ground.now
        )
    with pytest.raises(Refused, match="Write version: 4"):
        actions.write_runbook(
            raw=holed + b"\n", actor=Actor("person", "emil"), reason="x", now=ground.now
        )
    assert RunbookVersion.objects.filter(state="active").count() == 1


def test_the_database_knows_the_same_moves_as_the_code() -> None:
    guard = import_module("recovery.drp.migrations.0002_guard")
    tables = {
        "runbookversion": RUNBOOK_MOVES,
        "run": MOVES,
        "runstep": STEP_MOVES,
        "act": ACT_MOVES,
        "ask": ASK_MOVES,
    }
    for name, table in tables.items():
        expected = {
            f"{before}>{after}" for before, following in table.items() for after in following
        }
        assert set(guard.MOVES[name].split()) == expected
