"""The ground, with keys pinned in a file of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings

from tests.actions.drp.ground import Ground, make_ground


@pytest.fixture
def pinned(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "approvers.json"
    with override_settings(TOCSIN_PINS=str(path), TOCSIN_URL="https://tocsin.example"):
        yield path


@pytest.fixture
def ground(db: None, pinned: Path) -> Ground:
    return make_ground(pinned)


@pytest.fixture
def asked(ground: Ground) -> Ground:
    """The fence is asked for, and bruno has said yes."""
    ground.begin()
    ground.until("fence")
    ground.say("fence", "bruno")
    return ground
