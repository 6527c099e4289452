"""When a provider's snapshot is due, and what its run does next."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recovery.backups.daily import (
    AGAIN_AFTER,
    EVERY,
    Act,
    Made,
    is_due,
    slot_of,
    step_home,
    step_there,
)
from recovery.backups.facts import SnapshotState
from recovery.core.ports import Snapshot, Volume
from tests.decisions.backups.build import NOW


def snapshot(id_: str, state: str, minutes: int = 0) -> Snapshot:
    return Snapshot(id_, state, NOW + timedelta(minutes=minutes))  # type: ignore[arg-type]


def test_a_day_has_one_slot_and_databases_begin_at_different_hours() -> None:
    names = [f"db-{n}" for n in range(50)]
    for name in names:
        assert slot_of(name, NOW + EVERY) == slot_of(name, NOW) + 1
    begins = {
        name: next(
            h for h in range(25) if slot_of(name, NOW + timedelta(hours=h)) > slot_of(name, NOW)
        )
        for name in names
    }
    assert len(set(begins.values())) > 12


@pytest.mark.parametrize(
    ("runs", "due"),
    [
        ([], True),
        ([Made(7, SnapshotState.RUNNING, None)], False),
        ([Made(7, SnapshotState.KEPT, NOW)], False),
        ([Made(6, SnapshotState.KEPT, NOW)], True),
        ([Made(7, SnapshotState.FAILED, NOW)], False),
        ([Made(7, SnapshotState.FAILED, NOW - AGAIN_AFTER)], True),
        ([Made(7, SnapshotState.GONE, NOW)], True),
    ],
)
def test_it_is_due_once_a_day_and_again_a_while_after_it_failed(
    runs: list[Made], due: bool
) -> None:
    assert is_due(runs, 7, NOW) is due


def test_each_step_follows_from_what_is_there() -> None:
    whole, pending = snapshot("a", "completed"), snapshot("b", "pending", 1)
    assert step_home([]).act is Act.CREATE
    assert step_home([snapshot("x", "error")]).act is Act.CREATE
    assert step_home([pending]).act is Act.WAIT
    assert step_home([whole, pending]).act is Act.COPY
    assert step_there([], ()).act is Act.LOOK_HOME
    assert step_there([snapshot("x", "error")], ()).act is Act.LOOK_HOME
    assert step_there([pending], ()).act is Act.WAIT
    assert step_there([whole], ()).act is Act.MAKE_VOLUME
    assert step_there([whole], [Volume("v", "a", is_ready=False)]).act is Act.WAIT


def test_of_two_the_older_is_kept_whoever_looks_and_the_other_goes() -> None:
    older, newer = snapshot("z", "completed"), snapshot("a", "completed", 1)
    ready = [Volume("v", "z", is_ready=True)]
    for there in ([older, newer], [newer, older]):
        step = step_there(there, ready)
        assert (step.act, step.snapshot, step.volume, step.spare) == (Act.KEEP, "z", "v", ("a",))
