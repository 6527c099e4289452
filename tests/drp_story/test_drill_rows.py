"""Drills on rows that are killed, aborted, silent, or read a snapshot: nothing is orphaned."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from recovery.alarms.models import Alarm
from recovery.backups.actions import forget_loan, lend_volume
from recovery.backups.models import Loan
from recovery.core import control
from recovery.drp.actions.reports import write_due_reports
from recovery.drp.drills.cycle import clean_up
from recovery.drp.drills.models import DrillThing
from recovery.drp.executing import FAIL_POINTS
from recovery.drp.models import Act
from recovery.drp.press import Press
from recovery.drp.queries.drilled import drill_facts
from recovery.drp.reports.document import read_report
from recovery.drp.reports.drilled import drilled, proof
from recovery.inventory.models import Database
from tests.actions.drp.conftest import pinned
from tests.actions.drp.drills.conftest import patience
from tests.actions.drp.drills.ground import Drill, drill_host, hosted, make_drill, things, untouched
from tests.actions.drp.hands.ground import Killed
from tests.actions.restores.ground import POINT, keep_snapshot
from tests.support.fleet import NOW

__all__ = ["patience", "pinned"]
pytestmark = [pytest.mark.timeout(300), pytest.mark.django_db]


@pytest.fixture
def drill(pinned: Path) -> Drill:
    return hosted(pinned)


def test_a_host_that_is_silent_leaves_it_unproven_and_the_report_says_so(drill: Drill) -> None:
    drill.play()
    clean_up(actor=drill.ground.actor, now=drill.ground.now, patience=0.0)
    assert Alarm.objects.filter(key__startswith="drill-unproven:").exists()
    told = drilled(drill_facts(drill.ground.run))
    assert told is not None
    assert proof(told) == "Begun 2, removed 2, seen gone 0: the clean-up is not proven."
    assert {one.evidence for one in told.things} == {
        "Its host has not reported since it was told to remove it."
    }


def test_a_report_that_came_before_the_proof_is_followed_by_one_that_has_it(drill: Drill) -> None:
    drill.play()
    clean_up(actor=drill.ground.actor, now=drill.ground.now)
    run = drill.ground.run
    assert write_due_reports(now=run.state_at + timedelta(minutes=3)) == 1
    assert write_due_reports(now=run.state_at + timedelta(minutes=4)) == 0
    assert drill.agent is not None
    drill.agent.turn(3)
    assert write_due_reports(now=run.state_at + timedelta(minutes=5)) == 1
    newest = read_report(run.reports.latest("number").raw.encode())
    assert newest.drill is not None
    assert (newest.version, newest.drill.gone) == (2, 2)
    assert write_due_reports(now=run.state_at + timedelta(minutes=6)) == 0


def test_an_aborted_drill_is_cleaned_up_too(drill: Drill) -> None:
    agent, drill.agent = drill.agent, None
    for _ in range(6):
        drill.round()
    assert things() == [("notes", "wanted")]
    drill.ground.press(Press.ABORT)
    drill.agent = agent
    assert drill.play("aborted").state == "aborted"
    for _ in range(3):
        drill.round()
    assert things() == [("notes", "gone")]


@pytest.mark.parametrize("seed", range(3))
def test_leaders_killed_at_any_transaction_begin_and_remove_each_thing_once(
    drill: Drill, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is orphaned, nothing counted twice, whoever dies around the clean-up."""
    chance, deaths = random.Random(seed), 0
    deciding = control.deciding

    @contextmanager
    def mortal(epoch: int) -> Iterator[None]:
        turn = chance.randrange(4)
        with deciding(epoch):
            yield
            if turn == 1:
                raise Killed
        if turn == 2:
            raise Killed

    ground = drill.ground
    points = iter(lambda: chance.choice(FAIL_POINTS), None)

    def fail(name: str) -> None:
        if chance.randrange(6) == 0 and name == next(points):
            raise Killed

    ground.fail = fail
    for _ in range(200):
        with monkeypatch.context() as within:
            within.setattr(control, "deciding", mortal)
            try:
                drill.round()
            except Killed:
                deaths += 1
                seen, _ = control.read_beat()
                ground.epoch = control.take_lead("next", seen_epoch=seen, now=ground.now) or 0
                continue
        if ground.run.state == "done" and {state for _, state in things()} == {"gone"}:
            break
    assert deaths > 3
    assert things() == [("notes", "gone"), ("shop", "gone")]
    assert drill.agent is not None
    assert drill.agent.has == set()
    begun = Act.objects.filter(step__name__in=["restore", "place"])
    assert begun.count() == DrillThing.objects.count() == 2
    untouched()


def test_a_volume_of_a_snapshot_is_given_back_before_anything_counts_as_gone(
    pinned: Path,
) -> None:
    drill = make_drill(pinned, started=False)
    snapshot = keep_snapshot(Database.objects.get(), "MRS1", POINT + timedelta(seconds=5))
    drill.agent = drill_host()
    drill.agent.turn()
    drill.start()
    for _ in range(6):
        drill.round()
    thing = DrillThing.objects.get()
    assert (thing.copy, thing.is_told, thing.state) == (snapshot.pk, False, "wanted")
    assert not list(drill.agent.told.wishes), "nobody could read it yet"
    loan = Loan.objects.get(borrower=thing.pk)
    lend_volume(loan=loan, volume="vol-9", actor=drill.ground.actor, now=NOW)
    for _ in range(4):
        drill.round()
    told = drill.agent.told.wishes[0]
    assert told.restore is not None
    assert told.restore.store is not None
    assert told.restore.store.folder == "/mnt/volumes/vol-9"
    drill.play()
    for _ in range(3):
        drill.round()
    assert dict(things())["notes"] == "removing"
    facts = drilled(drill_facts(drill.ground.run))
    assert facts is not None
    assert (facts.begun, facts.gone) == (3, 1), "the volume is one of them"
    loan.refresh_from_db()
    assert loan.state == "over"
    forget_loan(loan=loan, actor=drill.ground.actor, now=NOW)
    drill.round()
    facts = drilled(drill_facts(drill.ground.run))
    assert facts is not None
    assert proof(facts).startswith("Begun 3, removed 3, seen gone 3 at ")
