"""The pictures of a run, its steps and its acts say what the tables say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from recovery.drp.drills.facts import NAMED_MOVES as THING_MOVES
from recovery.drp.drills.facts import ThingState
from recovery.drp.facts import (
    ACT_NAMED_MOVES,
    ENDED,
    NAMED_MOVES,
    STEP_NAMED_MOVES,
    ActState,
    RunState,
    StepState,
)

PICTURE = Path(__file__).parents[3] / "docs" / "drp" / "states.md"
ARROW = re.compile(r"^    (\S+) --> (\S+)(?:: (\S+))?$", re.MULTILINE)
Arrows = set[tuple[str, str, str]]


def table(moves: Mapping[Any, str], begins: str, ends: set[str]) -> Arrows:
    found = {(str(before), str(after), name) for (before, after), name in moves.items()}
    return found | {("[*]", begins, "")} | {(end, "[*]", "") for end in ends}


@pytest.mark.parametrize(
    ("nth", "expected"),
    [
        (0, table(NAMED_MOVES, RunState.PREPARED, set(ENDED))),
        (1, table(STEP_NAMED_MOVES, StepState.PENDING, {StepState.DONE, StepState.SKIPPED})),
        (2, table(ACT_NAMED_MOVES, ActState.INTENDED, {ActState.DONE, ActState.FAILED})),
        (3, table(THING_MOVES, ThingState.WANTED, {ThingState.GONE})),
    ],
)
def test_the_pictures_show_each_move_and_no_other(nth: int, expected: Arrows) -> None:
    drawn = re.findall(r"```mermaid\n(.*?)```", PICTURE.read_text(), re.DOTALL)
    assert set(ARROW.findall(drawn[nth])) == expected
