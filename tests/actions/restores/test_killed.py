"""The control plane killed at each step of a restore, however it ends: before its transaction is
there, and right after. The next leader ends it the same way, orders nothing twice, and what a host
may still have of it is dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.db import transaction

from recovery.backups.models import Proof
from recovery.core import control
from recovery.operations.cycle import run_governor
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation
from recovery.restores import actions, cycle, lottery
from recovery.restores.models import Restore
from tests.actions.restores.ground import FIRST, POINT, Ground, make_ground, result
from tests.support.fleet import lose

pytestmark = pytest.mark.django_db
Carrying = Callable[[], None]
Story = Callable[[Ground, Carrying], None]


class Killed(BaseException):
    """The process is gone, and so is its open transaction."""


@dataclass(frozen=True)
class Ending:
    """What is left of a restore in rows."""

    phase: str
    reason: str
    steps: tuple[str, ...]
    orders: tuple[tuple[str, str, int], ...]
    state: str
    epoch: int
    host: str


def done(ground: Ground, carry: Carrying) -> None:
    carry()
    ground.prove()
    carry()
    ground.answer(Verb.ADOPT, OperationState.DONE, "its data are in place")
    carry()
    ground.serve()
    carry()


def called_off_early(ground: Ground, carry: Carrying) -> None:
    actions.call_off(restore=ground.restore, actor=FIRST, reason="No.", now=ground.now)
    carry()


def called_off_while_it_runs(ground: Ground, carry: Carrying) -> None:
    carry()
    actions.call_off(restore=ground.restore, actor=FIRST, reason="No.", now=ground.now)
    carry()
    ground.answer(Verb.DISCARD, OperationState.DONE, "nothing of it is left")
    carry()


def refused_by_its_host(ground: Ground, carry: Carrying) -> None:
    carry()
    ground.answer(Verb.RESTORE, OperationState.REFUSED, "x is gone.")
    carry()


def of_unknown_outcome(ground: Ground, carry: Carrying) -> None:
    carry()
    ground.answer(Verb.RESTORE, OperationState.UNKNOWN, "the host started anew")
    ground.now += timedelta(seconds=6)
    done(ground, carry)


def less_than_agreed(ground: Ground, carry: Carrying) -> None:
    carry()
    ground.prove(POINT - timedelta(minutes=5))
    carry()


def its_host_comes_back(ground: Ground, carry: Carrying) -> None:
    carry()
    ground.serve()
    carry()


def its_new_host_is_lost(ground: Ground, carry: Carrying) -> None:
    carry()
    ground.prove()
    carry()
    lose(ground.restore.host)
    carry()


STORIES: tuple[Story, ...] = (
    done,
    called_off_early,
    called_off_while_it_runs,
    refused_by_its_host,
    of_unknown_outcome,
    less_than_agreed,
    its_host_comes_back,
    its_new_host_is_lost,
)


def ending(ground: Ground) -> Ending:
    row = ground.restore
    orders = Counter((op.verb, str(op.state)) for op in Operation.objects.all())
    return Ending(
        row.phase,
        row.end_reason.replace(str(row), "RS"),
        tuple(row.steps.values_list("phase", flat=True)),
        tuple(sorted((verb, state, count) for (verb, state), count in orders.items())),
        ground.database.state,
        ground.database.epoch,
        ground.restore.host.name,
    )


class Mortal:
    """Leaders that die: each in its transaction, and the next right after it."""

    def __init__(self, ground: Ground, patch: pytest.MonkeyPatch) -> None:
        self.ground, self._patch, self.deaths = ground, patch, 0

    def carry(self) -> None:
        for _ in range(12):
            before = ending(self.ground)
            if not self._dies_within():
                run_governor(actor=self.ground.actor, now=self.ground.now)
                return
            assert ending(self.ground) == before, "nothing of what it did is left"
            self._next_leader()
            with self._patch.context() as patch:
                patch.setattr(cycle, "MOST_STEPS", 1)
                assert self._carried() == 1
            self._next_leader()
        raise AssertionError(self.ground.restore.phase)

    def _dies_within(self) -> bool:
        """Whether there was a step to die in."""
        real, tidied = actions.carry, actions.discard_again

        def killed(**fields: object) -> Restore:
            real(**fields)  # type: ignore[arg-type]
            raise Killed

        def killed_too(**fields: object) -> None:
            tidied(**fields)  # type: ignore[arg-type]
            raise Killed

        with self._patch.context() as patch:
            patch.setattr(actions, "carry", killed)
            patch.setattr(actions, "discard_again", killed_too)
            try:
                with transaction.atomic():
                    self._carried()
            except Killed:
                self.deaths += 1
                return True
        return False

    def _carried(self) -> int:
        ground = self.ground
        return cycle.carry_on(actor=ground.actor, now=ground.now, leases=ground.leases)

    def _next_leader(self) -> None:
        seen = self.ground.epoch
        self.ground.epoch = control.take_lead("next", seen_epoch=seen, now=self.ground.now) or 0


class Undone(Exception):
    """Everything is as it was."""


def begun() -> Ground:
    ground = make_ground()
    ground.begin()
    return ground


def told_without_a_death(story: Story, make: Callable[[], Ground] = begun) -> Ending:
    found: list[Ending] = []
    try:
        with transaction.atomic():
            ground = make()

            def carry() -> None:
                ground.carry_on()

            story(ground, carry)
            found.append(ending(ground))
            raise Undone
    except Undone:
        return found[0]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__.replace("_", " "))
def test_a_leader_killed_at_each_step_changes_no_ending(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = told_without_a_death(story)
    ground = begun()
    mortal = Mortal(ground, monkeypatch)
    story(ground, mortal.carry)
    assert ending(ground) == wanted
    assert mortal.deaths >= 1
    if wanted.phase == "abandoned" and story is not called_off_early:
        assert Operation.objects.filter(verb=Verb.DISCARD).count() == 1


def abandoned(ground: Ground) -> None:
    ground.begin()
    ground.carry_on()
    actions.call_off(restore=ground.restore, actor=FIRST, reason="No.", now=ground.now)
    ground.carry_on()
    assert ground.restore.phase == "abandoned"


def discards() -> int:
    return Operation.objects.filter(verb=Verb.DISCARD).count()


def test_what_an_abandoned_restore_left_is_dropped_however_often_it_has_to_be_asked() -> None:
    ground = make_ground()
    abandoned(ground)
    assert discards() == 1
    ground.answer(Verb.DISCARD, OperationState.UNKNOWN, "the host started anew")
    ground.carry_on(seconds=1)
    assert discards() == 1
    ground.carry_on(seconds=6)
    ground.carry_on()
    assert discards() == 2
    ground.answer(Verb.DISCARD, OperationState.FAILED, "the disk is away")
    ground.carry_on(seconds=60)
    assert discards() == 2
    ground.carry_on(seconds=600)
    assert discards() == 3
    ground.answer(Verb.DISCARD, OperationState.DONE, "nothing of it is left")
    ground.carry_on(seconds=3600)
    assert discards() == 3
    assert {op.params["restore"] for op in Operation.objects.filter(verb=Verb.DISCARD)} == {
        str(ground.restore.pk)
    }


def test_a_leader_killed_at_each_turn_of_a_restore_test_draws_and_ends_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A turn is one transaction: its row and its order, or its outcome."""
    ground = make_ground()
    ground.serve()
    ground.now += timedelta(minutes=11)
    deaths = 0

    def turn() -> None:
        nonlocal deaths

        def killed(event: str, **fields: object) -> None:
            raise Killed

        before = rows()
        with monkeypatch.context() as patch:
            patch.setattr(lottery.log, "info", killed)
            try:
                with transaction.atomic():
                    drawn(ground)
            except Killed:
                deaths += 1
                assert rows() == before
        seen = ground.epoch
        ground.epoch = control.take_lead("next", seen_epoch=seen, now=ground.now) or 0
        drawn(ground)
        run_governor(actor=ground.actor, now=ground.now)

    turn()
    turn()
    ground.answer(Verb.RESTORE, OperationState.UNKNOWN, "the host started anew")
    ground.now += timedelta(seconds=10)
    turn()
    ground.answer(Verb.RESTORE, OperationState.DONE, result(POINT))
    turn()
    turn()
    assert deaths == 3
    (proof,) = Proof.objects.all()
    assert proof.state == "passed"
    assert Operation.objects.filter(verb=Verb.RESTORE).count() == 2


def drawn(ground: Ground) -> bool:
    return lottery.draw_lots(actor=ground.actor, now=ground.now, draw=0.0)


def rows() -> tuple[int, int, list[str]]:
    states = list(Proof.objects.values_list("state", flat=True))
    return Proof.objects.count(), Operation.objects.count(), states
