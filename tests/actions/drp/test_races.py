"""Many people and two leaders at once, on rows that are really committed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from recovery.audit.facts import Actor
from recovery.core.errors import Conflict, TocsinError
from recovery.drp import actions
from recovery.drp.models import Approval, ApprovalUse, Delegation
from recovery.drp.press import Press
from recovery.drp.queries.people import database_now, people_of
from tests.actions.drp.ground import make_ground, make_people
from tests.support.fleet import NOW


@pytest.mark.django_db(transaction=True)
def test_of_many_who_press_and_answer_at_once_one_of_each_is_taken(pinned: Path) -> None:
    ground = make_ground(pinned)
    ground.prepare()

    def safely(does: str) -> str:
        try:
            if does == "start":
                ground.press(Press.START)
            elif does == "say":
                ground.say("tell", "bruno")
            else:
                ground.cycle.carry_on(actor=ground.actor, now=ground.now, monotonic=0.0)
        except TocsinError as error:
            return type(error).__name__
        finally:
            connection.close()
        return does

    with ThreadPoolExecutor(8) as pool:
        started = Counter(pool.map(safely, ["start"] * 8))
    assert started["start"] == 1
    ground.look()
    with ThreadPoolExecutor(8) as pool:
        said = Counter(pool.map(safely, ["say", "look"] * 8))
    assert said["say"] == 1
    ground.look()
    assert ground.step("tell").state == "done"
    assert Approval.objects.count() == ApprovalUse.objects.count() == 1
    assert set(ground.hand.done.values()) == {1}


@pytest.mark.django_db(transaction=True)
def test_of_many_presses_at_once_one_lends_and_one_takes_back() -> None:
    make_people()
    bruno, until = Actor("person", "bruno"), database_now() + timedelta(hours=8)

    def lend(_: int) -> bool:
        return taken(
            lambda: actions.delegate(
                taker="amelie", role="approver", ends_at=until, actor=bruno, reason="x", now=NOW
            )
        )

    def take_back(row: Delegation) -> bool:
        return taken(
            lambda: actions.revoke_delegation(delegation=row, actor=bruno, reason="x", now=NOW)
        )

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lend, range(8))) == 1
        rows = [Delegation.objects.get() for _ in range(8)]
        assert sum(pool.map(take_back, rows)) == 1
    assert not people_of().lent


def taken(do: Callable[[], object]) -> bool:
    """Whether nobody was first."""
    try:
        do()
    except Conflict:
        return False
    finally:
        connection.close()
    return True
