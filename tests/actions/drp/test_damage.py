"""What is damaged costs its own run, rings, and stops nothing else."""

from __future__ import annotations

from contextlib import suppress

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Refused
from recovery.drp import actions
from recovery.drp.facts import RunState
from recovery.drp.models import Act, Run
from recovery.drp.press import Press
from recovery.drp.sights import Heard, RunSight
from recovery.inventory.models import Database
from tests.actions.drp.forging import entry, refused
from tests.actions.drp.ground import Ground, short_runbook
from tests.support.fleet import BY


def rings(key: str) -> bool:
    return Alarm.objects.filter(key=key).exclude(state="ended").exists()


def test_a_run_that_cannot_be_read_rings_and_is_carried_on_when_it_can(ground: Ground) -> None:
    run: Run = ground.begin()
    whole = ground.cycle.gates

    def broken(sight: RunSight) -> dict[str, object]:
        raise KeyError("no such step")

    ground.cycle.gates = broken  # type: ignore[assignment]
    assert ground.look() == 0
    assert rings(f"drp-unreadable:{run.pk}")
    assert "no such step" in Alarm.objects.get(key=f"drp-unreadable:{run.pk}").body
    ground.cycle.gates = whole
    assert ground.look() > 0
    assert not rings(f"drp-unreadable:{run.pk}")


def test_a_damaged_file_of_keys_is_nobodys_and_rings(ground: Ground) -> None:
    ground.begin()
    whole = ground.pins.read_bytes()
    ground.pins.write_bytes(b"[{")
    assert ground.look() > 0, "what takes no signature goes on"
    assert rings("drp-pins-unreadable")
    ground.pins.write_bytes(whole)
    ground.look()
    assert not rings("drp-pins-unreadable")


# ---------------------------------------------------------------------- intended, never begun


class Killed(BaseException):
    """After the intent, before the act."""


@pytest.fixture
def intended(ground: Ground) -> Ground:
    """The freeze is intended, and whoever did it is gone before it was begun."""
    ground.begin()

    def fail(passed: str) -> None:
        if passed == "after_intent":
            raise Killed

    ground.fail = fail
    with suppress(Killed):
        ground.look()
    ground.fail = lambda passed: None
    assert Act.objects.get().state == "intended"
    assert not ground.hand.done
    return ground


def test_what_was_never_begun_is_not_begun_in_a_pause_and_is_after_it(intended: Ground) -> None:
    intended.press(Press.PAUSE)
    intended.look()
    assert not intended.hand.done
    intended.press(Press.RESUME)
    intended.look()
    assert set(intended.hand.done.values()) == {1}


def test_what_was_never_begun_is_not_begun_after_an_abort_and_is_said_so(intended: Ground) -> None:
    intended.press(Press.ABORT)
    intended.look()
    assert not intended.hand.done
    assert Act.objects.get().said == "The run was aborted before it was begun."
    assert intended.run.state == "aborted"


def test_what_was_never_begun_is_not_begun_blind(intended: Ground) -> None:
    cycle = intended.cycle
    cycle.carry_on(actor=intended.actor, now=intended.now, monotonic=9.0, hold="Blind.")
    assert not intended.hand.done
    intended.look()
    assert intended.hand.done


def test_what_was_never_begun_is_not_begun_after_a_drift(intended: Ground) -> None:
    moved = Database.objects.get(name="orders")
    changes = {"epoch": 5}
    transitions.amend(moved, changes, action="moved", actor=BY, reason="x", now=intended.now)
    intended.look()
    assert not intended.hand.done


# ---------------------------------------------------------------------- what waits


def test_a_step_that_waits_is_no_progress(ground: Ground) -> None:
    ground.hand.outcome = Heard.UNDER_WAY
    ground.begin()
    ground.look()
    assert ground.look() == 0, "it is looked at once a round, and not four times"


def test_a_run_of_a_retired_runbook_is_not_started(ground: Ground) -> None:
    run = ground.prepare()
    second = short_runbook().replace(b"version: 1", b"version: 2")
    emil, dora = Actor("person", "emil"), Actor("person", "dora")
    row = actions.write_runbook(raw=second, actor=emil, reason="x", now=ground.now)
    actions.activate_runbook(runbook=row, actor=dora, reason="x", now=ground.now)
    with pytest.raises(Refused, match="a newer version is in force"):
        ground.press(Press.START)
    assert ground.run.pk == run.pk
    assert ground.run.state == "prepared"


def test_a_retired_runbook_is_not_started_in_the_rows_either(ground: Ground) -> None:
    run = ground.prepare()
    second = short_runbook().replace(b"version: 1", b"version: 2")
    emil, dora = Actor("person", "emil"), Actor("person", "dora")
    row = actions.write_runbook(raw=second, actor=emil, reason="x", now=ground.now)
    actions.activate_runbook(runbook=row, actor=dora, reason="x", now=ground.now)
    statement = "UPDATE drp_run SET state = 'running', version = version + 1 WHERE id = %s"
    said = refused(statement, [run.pk], entry("drp run", run.pk, run.version + 1))
    assert "its runbook is retired: only what is active is run" in said


def inventories_of_a_look(ground: Ground) -> int:
    with CaptureQueriesContext(connection) as seen:
        ground.look()
    return sum('FROM "inventory_application"' in one["sql"] for one in seen.captured_queries)


def test_a_round_that_waits_reads_the_inventory_once(ground: Ground) -> None:
    ground.hand.outcome = Heard.UNDER_WAY
    ground.begin()
    ground.look()
    asked = inventories_of_a_look(ground)
    assert asked == 1


def test_what_begins_is_compared_with_an_inventory_of_its_own_transaction(ground: Ground) -> None:
    ground.begin()
    asked = inventories_of_a_look(ground)
    assert asked > 4, "each turn once, and for each beginning anew"


def test_what_our_own_hand_moves_is_no_drift_before_it_is_recorded(ground: Ground) -> None:
    """The promotion has moved the rows, and its outcome is still to come."""
    ground.begin()
    ground.until("promote")
    ground.hand.outcome = Heard.UNDER_WAY
    ground.say("promote", "bruno")
    ground.look()
    act = Act.objects.get(step=ground.step("promote"), state="intended")
    row = Database.objects.get(pk=act.target.removeprefix("database:"))
    transitions.amend(
        row, {"epoch": row.epoch + 1}, action="moved", actor=BY, reason="x", now=ground.now
    )
    ground.look()
    assert ground.run.state == RunState.RUNNING
    ground.hand.outcome = Heard.DONE
    ground.look()
    assert Act.objects.get(pk=act.pk).state == "done"
    assert ground.run.state == RunState.DONE, "nothing had drifted afterwards either"
