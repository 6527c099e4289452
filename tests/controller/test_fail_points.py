"""A crash at the worst moment: all of a decision, or nothing of it, and then it goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from django.db import close_old_connections, connection

from recovery.audit.facts import Actor
from recovery.audit.models import AuditEntry
from recovery.core import control
from recovery.core.clock import ManualClock
from recovery.inventory.models import Placement
from recovery.operations.models import Operation
from recovery.scheduling.cycle import reschedule
from tests.controller.test_judge import judge, play
from tests.support.databases import Database
from tests.support.fleet import NOW, Fleet, make_fleet


@pytest.fixture
def fleet(fresh_database: Database) -> Iterator[Fleet]:
    """An application that wants two seats and has none, in rows that are really committed."""
    yield make_fleet(copies=2)
    connection.close()


def end_our_connection() -> None:
    """What a PostgreSQL that is killed does to whoever speaks to it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def written() -> tuple[int, int, int]:
    seats, orders = Placement.objects.count(), Operation.objects.count()
    return seats, orders, AuditEntry.objects.filter(object_type="placement").count()


def test_a_database_that_dies_in_the_middle_of_a_decision_keeps_nothing_of_it(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(NOW)
    leader = judge("one", clock)

    def seats_and_then_gone(**fields: object) -> object:
        end_our_connection()
        raise AssertionError("the connection is gone")

    with monkeypatch.context() as patch:
        patch.setattr(
            "recovery.scheduling.actions.operations.request_operations", seats_and_then_gone
        )
        play(leader, fleet, clock, 2.4)
    close_old_connections()
    assert written() == (0, 0, 0)
    assert leader.sighted.blind, "who does not know what happened meanwhile begins anew"
    play(leader, fleet, clock, 10.0)
    assert leader.epoch == 1
    assert written()[:2] == (2, 2)


def test_a_controller_that_dies_before_its_commit_leaves_nothing_and_the_next_decides_once(
    fleet: Fleet,
) -> None:
    epoch = control.take_lead("one", seen_epoch=0, now=NOW)
    assert epoch == 1
    connection.close()
    pid = os.fork()
    if pid == 0:
        die_before_the_commit(Actor("controller", "one", 1))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    assert written() == (0, 0, 0)
    assert control.take_lead("two", seen_epoch=1, now=NOW) == 2
    for _ in range(2):
        reschedule(actor=Actor("controller", "two", 2), now=NOW)
    assert written()[:2] == (2, 2)


def die_before_the_commit(by: Actor) -> None:
    """Everything is written, and the process is gone before it says commit."""
    try:
        with control.deciding(by.epoch):
            reschedule(actor=by, now=NOW)
            os.kill(os.getpid(), signal.SIGKILL)
    finally:
        os._exit(1)
