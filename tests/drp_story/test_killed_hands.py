"""The leader killed at every fail point of the freeze, the fence and the promotion."""

from __future__ import annotations

from pathlib import Path

import pytest

from recovery.drp.executing import FAIL_POINTS
from tests.actions.drp.conftest import pinned
from tests.actions.drp.losing import make_loss
from tests.actions.drp.test_promoting import is_once

__all__ = ["pinned"]


@pytest.mark.django_db
@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("point", FAIL_POINTS)
def test_a_leader_killed_anywhere_does_each_thing_once(
    pinned: Path,
    point: str,
    times: int,
) -> None:
    is_once(make_loss(pinned), point, times)
