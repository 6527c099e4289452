"""What hosts hold of restores that nobody asks for any more: counted, shown, dropped by order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

import pytest

from recovery.core.wire.backups import RestoreFact
from recovery.operations.cycle import run_governor
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation
from recovery.restores import actions, cycle, screens
from recovery.restores.models import Stray
from tests.actions.restores.ground import FIRST, Ground, make_ground

pytestmark = pytest.mark.django_db


@pytest.fixture
def ground() -> Ground:
    return make_ground()


def staged(restore: object, replica: object, size: int = 5) -> RestoreFact:
    return RestoreFact(restore=str(restore), replica=str(replica), state="staged", done=size)


def hear(ground: Ground, *facts: RestoreFact) -> None:
    actions.hear_restores(host=ground.other.pk, facts=facts, now=ground.now)


def later(ground: Ground, seconds: float) -> None:
    """A round of the cycle and of the governor so much later."""
    ground.now += timedelta(seconds=seconds)
    cycle.carry_on(actor=ground.actor, now=ground.now)
    run_governor(actor=ground.actor, now=ground.now)


def discards() -> Sequence[Operation]:
    return list(Operation.objects.filter(verb=Verb.DISCARD).order_by("requested_at"))


def test_what_no_row_knows_is_counted_shown_and_dropped_by_order(ground: Ground) -> None:
    unknown = uuid4()
    hear(ground, staged(unknown, ground.replica.pk, 7))
    (seen,) = screens.strays()
    assert (seen.restore, seen.host, seen.database, seen.bytes) == (
        str(unknown),
        "par1-r2-h1",
        "notes",
        7,
    )
    assert screens.strays("notes") == (seen,)
    assert screens.strays("other") == ()
    later(ground, 59)
    assert discards() == []
    later(ground, 2)
    (order,) = discards()
    assert (order.host, order.params) == (ground.other, {"restore": str(unknown)})
    later(ground, 30)
    assert len(discards()) == 1, "it is under way"
    ground.answer(Verb.DISCARD, OperationState.DONE, "nothing of it is left")
    hear(ground)
    assert screens.strays() == ()
    later(ground, 700)
    assert len(discards()) == 1


def test_the_age_of_a_stray_is_that_of_its_first_word(ground: Ground) -> None:
    fact = staged(uuid4(), ground.replica.pk)
    hear(ground, fact)
    first = Stray.objects.get().since
    ground.now += timedelta(seconds=30)
    hear(ground, fact, staged(uuid4(), ground.replica.pk))
    assert [row.since - first for row in Stray.objects.all()] == [
        timedelta(0),
        timedelta(seconds=30),
    ]


def test_one_whose_order_was_lost_is_asked_away_again_and_two_of_a_replica_one_by_one(
    ground: Ground,
) -> None:
    hear(ground, *(staged(uuid4(), ground.replica.pk) for _ in range(2)))
    later(ground, 61)
    assert len(discards()) == 1
    ground.answer(Verb.DISCARD, OperationState.UNKNOWN, "the host started anew")
    later(ground, 1)
    ground.answer(Verb.DISCARD, OperationState.DONE)
    later(ground, 601)
    first, second, third = discards()
    assert first.params["restore"] == third.params["restore"] != second.params["restore"]


def test_one_of_a_database_that_no_row_knows_is_counted_and_left_to_people(ground: Ground) -> None:
    hear(ground, staged(uuid4(), uuid4()), staged("odd", ""))
    later(ground, 1000)
    assert [one.database for one in screens.strays()] == ["", ""]
    assert discards() == []


def test_a_restore_that_runs_on_its_host_is_no_stray_and_an_abandoned_one_is(
    ground: Ground,
) -> None:
    """Also where its note cannot be read, so that its host names no replica."""
    ground.begin()
    ground.carry_on()
    mine = staged(ground.restore.pk, "")
    hear(ground, mine)
    assert screens.strays() == ()
    ground.answer(Verb.RESTORE, OperationState.UNKNOWN)
    actions.call_off(restore=ground.restore, actor=FIRST, reason="No.", now=ground.now)
    assert ground.carry_on() == "abandoned"
    hear(ground, mine)
    assert [one.database for one in screens.strays()] == ["notes"]
    later(ground, 61)
    assert len(discards()) == 1, "what an abandoned restore left is asked away already"


def test_what_another_host_holds_of_a_restore_that_runs_is_dropped_there_alone(
    ground: Ground,
) -> None:
    ground.begin()
    ground.carry_on()
    stranger = ground.hosts["mrs1-r1-h1"]
    fact = staged(ground.restore.pk, ground.replica.pk)
    actions.hear_restores(host=stranger.pk, facts=[fact], now=ground.now)
    later(ground, 61)
    (order,) = discards()
    assert order.host == stranger
    assert ground.restore.phase == "restore"
