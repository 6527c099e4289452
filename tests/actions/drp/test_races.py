"""Many people and two leaders at once, on rows that are really committed."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection

from recovery.core.errors import TocsinError
from recovery.drp.models import Approval, ApprovalUse
from recovery.drp.press import Press
from tests.actions.drp.ground import make_ground


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
