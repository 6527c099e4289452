"""The picture of the phases says what the table says."""

from __future__ import annotations

import re
from pathlib import Path

from recovery.restores.facts import ENDED, NAMED_MOVES, Phase

PICTURE = Path(__file__).parents[3] / "docs" / "restores" / "phases.md"
ARROW = re.compile(r"^    (\S+) --> (\S+)(?:: (\S+))?$", re.MULTILINE)


def test_the_picture_of_a_restore_shows_each_move_and_no_other() -> None:
    drawn = ARROW.findall(PICTURE.read_text())
    moves = {(str(before), str(after), name) for (before, after), name in NAMED_MOVES.items()}
    ends = {(phase, "[*]", "") for phase in ENDED}
    assert set(drawn) == moves | ends | {("[*]", str(Phase.ASKED), "ask")}
